import Compute

/// What a channel gate looks at, of a norm whose result nobody writes: over the places of each image the mean of
/// y = weight (x - mean) r + bias and, if asked for, its maximum.
///
/// Inputs: x `[N, H, W, C]`, weight, bias, mean and r, each `[C]`, as for `Normalize`. Outputs, each `[N, 1, 1, C]`: the
/// mean over the places, then the maximum and the position of the first place that reaches it (no gradient), last the
/// mean of x - mean (no gradient; the backward pass reads it).
///
/// The gates that multiply y read x through the norm instead (`GatedResidual`, `GatedChannelSqueeze`) and give gradients
/// at x, weight and bias. What is left of a batch norm's gradient is that by way of its statistics, which needs Σ dy and
/// Σ dy x̂ of all readers: dbias and dweight. So this operator must come before the gates, be the last to add to both,
/// and reads what it finds there: dx += weight r (dy - dbias / n - x̂ dweight / n), its own dy alone
/// (Ioffe, Szegedy; ICML 2015, section 3). `NormalizeSqueeze`, which writes y, is the slow twin.
public struct NormalizedSqueeze: Operator {
  public let hasMaximum: Bool

  public init(hasMaximum: Bool) { self.hasMaximum = hasMaximum }

  public var name: String { "normalized_squeeze" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    Array(try NormalizeSqueeze(hasMaximum: hasMaximum).outputShapes(for: inputs).dropFirst()) + [inputs[0].squeezed]
  }

  /// Where the mean of x - mean stands.
  var centered: Int { hasMaximum ? 3 : 1 }

  public var keeps: Kept { Kept(inputs: [0, 1, 3, 4], outputs: Set(hasMaximum ? [2, centered] : [centered])) }

  public func isDifferentiable(input: Int) -> Bool { input < 3 }

  public var isCheapToRepeat: Bool { true }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let tiles = ImageTiles(inputs[0]), padded = ChannelPeriod(channels: tiles.channels).padded
    switch pass {
    case .forward:
      return Scratch(
        shared: PlaceStatistics.floats(tiles, hasMaximum: hasMaximum), perWorker: ChannelAffine.floats(inputs[0]))
    case .backward: return Scratch(shared: 3 * padded, perWorker: padded)
    }
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let affine = ChannelAffine(call.inputs, in: call.context.scratch(of: worker))
    let tiles = ImageTiles(call.inputs[0].shape), outputs = call.outputs, means = call.inputs[3].pointer
    let statistics = PlaceStatistics(tiles, hasMaximum: hasMaximum, in: call.context.sharedScratch)
    statistics.walk(call.inputs[0].pointer, worker) { x, _, channel, count in
      (x - means.lanes(at: channel, first: count), affine(x, channel))
    }
    worker.barrier()
    func row(_ input: Int, _ channel: Int, _ count: Int) -> SIMD16<Double> {
      SIMD16<Double>(call.inputs[input].pointer.lanes(at: channel, first: count))
    }
    statistics.finish(
      maximum: hasMaximum ? outputs[1] : nil, position: hasMaximum ? outputs[2] : nil, worker
    ) { mean, at, channel, count in
      outputs[centered].pointer.store(Lanes(mean), at: at, first: count)
      let y = row(2, channel, count) + row(1, channel, count) * row(4, channel, count) * mean
      outputs[0].pointer.store(Lanes(y), at: at, first: count)
    }
  }

  public func backward(_ call: BackwardCall, _ worker: Worker) {
    let tiles = ImageTiles(call.inputs[0].shape), padded = ChannelPeriod(channels: tiles.channels).padded
    let slopes = SqueezeSlopes(call, tiles, mean: 0, hasMaximum: hasMaximum)
    let a = call.context.sharedScratch, b = a + padded, c = b + padded
    for range in worker.ranges(tiles.channels, by: 16) {
      for channel in range {
        let gradient = addParameterGradients(call, tiles, slopes, channel)
        (a[channel], b[channel], c[channel]) = (gradient.a, gradient.b, gradient.c)
      }
    }
    guard let dx = call.inputGradients[0] else { return }
    worker.barrier()
    let x = call.inputs[0].pointer, channels = tiles.channels
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index), shifts = call.context.scratch(of: worker)
      inLanes(0..<channels) { channel, count in
        let own = slopes.ofMean(tile.image, channel, count) * a.lanes(at: channel, first: count)
        shifts.store(own + c.lanes(at: channel, first: count), at: channel, first: count)
      }
      for pixel in tile.pixels {
        inLanes(0..<channels) { channel, count in
          let at = pixel * channels + channel, shift = shifts.lanes(at: channel, first: count)
          let value = x.streamedLanes(at: at, first: count)
          dx.put(shift.addingProduct(b.lanes(at: channel, first: count), value), at: at, first: count)
        }
      }
      slopes.addMaxima(tile, by: a, to: dx.pointer)
    }
  }

  /// Adds this operator's part to dbias and dweight of a channel, and takes both as the sums over all readers of y.
  private func addParameterGradients(
    _ call: BackwardCall, _ tiles: ImageTiles, _ slopes: SqueezeSlopes, _ channel: Int
  ) -> NormGradient {
    let x = call.inputs[0].pointer, centered = call.outputs[self.centered].pointer
    let mean = call.inputs[3].pointer[channel], inverse = call.inputs[4].pointer[channel]
    var sum = 0.0, moment = 0.0
    for image in 0..<tiles.images {
      let slope = Double(slopes.ofMean(image, channel)) * Double(tiles.pixels)
      sum += slope
      moment += slope * Double(centered[image * tiles.channels + channel])
      guard hasMaximum else { continue }
      let peak = Double(slopes.ofMaximum(image, channel))
      sum += peak
      moment += peak * Double(x[slopes.winner(image, channel) * tiles.channels + channel] - mean)
    }
    func total(_ target: GradientTarget?, _ own: Double) -> Double {
      own + (target.map { $0.accumulates ? Double($0.pointer[channel]) : 0 } ?? 0)
    }
    let dweight = call.inputGradients[1], dbias = call.inputGradients[2]
    let gradient = NormGradient(
      sum: total(dbias, sum), centeredSum: total(dweight, moment * Double(inverse)) / Double(inverse),
      count: tiles.images * tiles.pixels, weight: call.inputs[1].pointer[channel], mean: mean, inverse: inverse)
    dweight?.pointer[channel] = gradient.dweight
    dbias?.pointer[channel] = gradient.dbias
    return gradient
  }
}
