import Compute

/// The second half of a training batch norm together with what a channel gate looks at: y = weight (x - mean) r + bias,
/// and over the places of each image its mean and, if asked for, its maximum, while y is at hand.
///
/// Inputs: x `[N, H, W, C]`, weight, bias, mean and r, each `[C]`, as for `Normalize`. Outputs: y, then `[N, 1, 1, C]`
/// each: the mean over the places, the maximum and the position of the first place that reaches it (no gradient).
///
/// With g = dy + dmean / (H W), and dmaximum more at that place, the gradients are those of `Normalize`. Separate
/// operators would read y once more for each statistic and read and write its gradient once more on the way back.
public struct NormalizeSqueeze: Operator {
  public let hasMaximum: Bool

  public init(hasMaximum: Bool) { self.hasMaximum = hasMaximum }

  public var name: String { "normalize_squeeze" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    try requireChannels(of: inputs, "normalize", ["weight", "bias", "mean", "inverse deviation"])
    let x = inputs[0]
    guard x.rank == 4, x[1] * x[2] <= 1 << 24 else {
      throw ShapeError("cannot squeeze \(x): wanted [N, H, W, C] of at most 16777216 places")
    }
    let squeezed: Shape = [x[0], 1, 1, x[3]]
    return [x, squeezed] + (hasMaximum ? [squeezed, squeezed] : [])
  }

  public var keeps: Kept { Kept(inputs: [0, 1, 3, 4], outputs: hasMaximum ? [3] : []) }

  public var inPlace: InPlace { InPlace(forward: 0, backward: 0) }

  public func isDifferentiable(input: Int) -> Bool { input < 3 }

  public var isCheapToRepeat: Bool { true }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let tiles = ImageTiles(inputs[0]), period = ChannelPeriod(channels: tiles.channels)
    switch pass {
    case .forward: return Scratch(shared: 3 * tiles.partialCount, perWorker: 2 * period.width)
    case .backward:
      return Scratch(shared: 2 * tiles.partialCount + 3 * period.padded, perWorker: period.padded)
    }
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let affine = ChannelAffine(call.inputs, in: call.context.scratch(of: worker))
    let tiles = ImageTiles(call.inputs[0].shape), channels = tiles.channels
    let x = call.inputs[0].pointer, y = StreamedOutput(call.outputs[0], rows: channels, besides: x)
    let sums = call.context.sharedScratch, maxima = sums + tiles.partialCount, positions = maxima + tiles.partialCount
    let empty = Max.State.empty
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index), first = tile.image * tiles.pixels
      inLanes(tile.partial..<tile.partial + channels) { at, count in
        sums.store(Lanes(repeating: 0), at: at, first: count)
        maxima.store(empty.first, at: at, first: count)
        positions.store(empty.second, at: at, first: count)
      }
      inRows(tile.pixels, of: channels) { pixel, rows in
        inLanes(0..<channels) { channel, count in
          let at = tile.partial + channel
          var sum = sums.lanes(at: at, first: count)
          var largest = maxima.lanes(at: at, first: count), position = positions.lanes(at: at, first: count)
          var next = x.lanes(at: pixel * channels + channel, first: count)
          let end = pixel + rows
          for pixel in pixel..<end {
            let place = pixel * channels + channel, value = affine(next, channel)
            x.prefetch(at: place + max(rows * channels, 1024))
            // Before the store: a load waits for an earlier store that its last address bits resemble.
            if pixel + 1 < end { next = x.lanes(at: place + channels, first: count) }
            y.put(value, at: place, first: count)
            sum += value
            guard hasMaximum else { continue }
            let wins = beats(value, largest)
            largest.replace(with: value, where: wins)
            position.replace(with: Float(pixel - first), where: wins)
          }
          sums.store(sum, at: at, first: count)
          guard hasMaximum else { return }
          maxima.store(largest, at: at, first: count)
          positions.store(position, at: at, first: count)
        }
      }
    }
    worker.barrier()
    let means = call.outputs[1].pointer, share = 1 / Double(tiles.pixels)
    tiles.results(worker) { image, channel, count, partial in
      let at = image * channels + channel
      means.store(Lanes(tiles.total(sums, partial, count) * share), at: at, first: count)
      guard hasMaximum else { return }
      var state = empty
      for chunk in 0..<tiles.chunks {
        let part = partial + chunk * channels
        state.merge(Max.State(first: maxima.lanes(at: part, first: count), second: positions.lanes(at: part, first: count)))
      }
      call.outputs[2].pointer.store(state.first, at: at, first: count)
      call.outputs[3].pointer.store(state.second, at: at, first: count)
    }
  }
}
