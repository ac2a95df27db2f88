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
    return [x, x.squeezed] + (hasMaximum ? [x.squeezed, x.squeezed] : [])
  }

  public var keeps: Kept { Kept(inputs: [0, 1, 3, 4], outputs: hasMaximum ? [3] : []) }

  public var inPlace: InPlace { InPlace(forward: 0, backward: 0) }

  public func isDifferentiable(input: Int) -> Bool { input < 3 }

  public var isCheapToRepeat: Bool { true }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let tiles = ImageTiles(inputs[0]), period = ChannelPeriod(channels: tiles.channels)
    switch pass {
    case .forward:
      return Scratch(
        shared: PlaceStatistics.floats(tiles, hasMaximum: hasMaximum), perWorker: ChannelAffine.floats(inputs[0]))
    case .backward:
      return Scratch(shared: 2 * tiles.partialCount + 3 * period.padded, perWorker: period.padded)
    }
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let affine = ChannelAffine(call.inputs, in: call.context.scratch(of: worker))
    let tiles = ImageTiles(call.inputs[0].shape), outputs = call.outputs
    let x = call.inputs[0].pointer, y = StreamedOutput(outputs[0], rows: tiles.channels, besides: x)
    let statistics = PlaceStatistics(tiles, hasMaximum: hasMaximum, in: call.context.sharedScratch)
    statistics.walk(x, worker) { x, at, channel, count in
      let value = affine(x, channel)
      y.put(value, at: at, first: count)
      return (value, value)
    }
    worker.barrier()
    statistics.finish(
      maximum: hasMaximum ? outputs[2] : nil, position: hasMaximum ? outputs[3] : nil, worker
    ) { mean, at, _, count in outputs[1].pointer.store(Lanes(mean), at: at, first: count) }
  }
}
