import Compute

/// The backward pass: first Σ g and Σ g (x - mean) of every channel, then dx = a g + b x + c, which needs them.
extension NormalizeSqueeze {
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    let tiles = ImageTiles(call.inputs[0].shape), padded = ChannelPeriod(channels: tiles.channels).padded
    let slopes = SqueezeSlopes(call, tiles, mean: 1, hasMaximum: hasMaximum)
    let plain = call.context.sharedScratch, centered = plain + tiles.partialCount
    let a = centered + tiles.partialCount, b = a + padded, c = b + padded
    sum(call, tiles, slopes, into: plain, centered, worker)
    worker.barrier()
    solve(call, tiles, slopes, plain, centered, (a, b, c), worker)
    guard let dx = call.inputGradients[0] else { return }
    worker.barrier()
    let x = call.inputs[0].pointer, dy = call.outputGradients[0]?.pointer, channels = tiles.channels
    let output = StreamedOutput(dx, rows: channels, besides: dy)
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index), offsets = call.context.scratch(of: worker)
      inLanes(0..<channels) { channel, count in
        offsets.store(slopes.ofMean(tile.image, channel, count), at: channel, first: count)
      }
      for pixel in tile.pixels {
        inLanes(0..<channels) { channel, count in
          let at = pixel * channels + channel
          let statistics = c.lanes(at: channel, first: count)
            .addingProduct(b.lanes(at: channel, first: count), x.streamedLanes(at: at, first: count))
          let g = (dy?.streamedLanes(at: at, first: count) ?? Lanes(repeating: 0)) + offsets.lanes(at: channel, first: count)
          output.put(statistics.addingProduct(a.lanes(at: channel, first: count), g), at: at, first: count)
        }
      }
      slopes.addMaxima(tile, by: a, to: dx.pointer)
    }
  }

  /// The totals of each channel, the gradients of the parameters, and the three numbers that dx is made with.
  private func solve(
    _ call: BackwardCall, _ tiles: ImageTiles, _ slopes: SqueezeSlopes, _ plain: UnsafePointer<Float>,
    _ centered: UnsafePointer<Float>,
    _ numbers: (a: UnsafeMutablePointer<Float>, b: UnsafeMutablePointer<Float>, c: UnsafeMutablePointer<Float>),
    _ worker: Worker
  ) {
    let x = call.inputs[0].pointer, weight = call.inputs[1].pointer
    let mean = call.inputs[3].pointer, inverses = call.inputs[4].pointer
    let dweight = call.inputGradients[1], dbias = call.inputGradients[2]
    let channels = tiles.channels
    for range in worker.ranges(channels, by: 16) {
      var plains = SIMD16<Double>(repeating: 0), centereds = plains
      for tile in 0..<tiles.count {
        plains += SIMD16<Double>(plain.lanes(at: tile * channels + range.lowerBound, first: range.count))
        centereds += SIMD16<Double>(centered.lanes(at: tile * channels + range.lowerBound, first: range.count))
      }
      for channel in range {
        var sum = plains[channel - range.lowerBound], moment = centereds[channel - range.lowerBound]
        if hasMaximum {
          for image in 0..<tiles.images {
            let slope = Double(slopes.ofMaximum(image, channel))
            sum += slope
            moment += slope * Double(x[slopes.winner(image, channel) * channels + channel] - mean[channel])
          }
        }
        let gradient = NormGradient(
          sum: sum, centeredSum: moment, count: tiles.images * tiles.pixels, weight: weight[channel],
          mean: mean[channel], inverse: inverses[channel])
        dweight?.put(gradient.dweight, at: channel)
        dbias?.put(gradient.dbias, at: channel)
        numbers.a[channel] = gradient.a
        numbers.b[channel] = gradient.b
        numbers.c[channel] = gradient.c
      }
    }
  }

  /// Σ g and Σ g (x - mean) of every tile, g without the part of the maximum, which reaches one place only.
  @inline(__always)
  private func sum(
    _ call: BackwardCall, _ tiles: ImageTiles, _ slopes: SqueezeSlopes, into plain: UnsafeMutablePointer<Float>,
    _ centered: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let channels = tiles.channels, dy = call.outputGradients[0]?.pointer
    let x = call.inputs[0].pointer, mean = call.inputs[3].pointer
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index), plain = plain + tile.partial, centered = centered + tile.partial
      plain.update(repeating: 0, count: channels)
      centered.update(repeating: 0, count: channels)
      for pixel in tile.pixels {
        inLanes(0..<channels) { channel, count in
          let at = pixel * channels + channel, offset = slopes.ofMean(tile.image, channel, count)
          let g = (dy?.streamedLanes(at: at, first: count) ?? Lanes(repeating: 0)) + offset
          let distance = x.streamedLanes(at: at, first: count) - mean.lanes(at: channel, first: count)
          plain.store(plain.lanes(at: channel, first: count) + g, at: channel, first: count)
          centered.store(centered.lanes(at: channel, first: count).addingProduct(g, distance), at: channel, first: count)
        }
      }
    }
  }
}
