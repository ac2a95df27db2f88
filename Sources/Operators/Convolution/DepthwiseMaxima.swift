import Compute

/// The largest values of a depth-wise convolution, over the places for each channel and over the channels for each
/// place, without the convolution's result: a band of it lies in a worker's cache and is gone again.
///
/// Inputs: x `[N, H, W, C]`, weight `[kh, kw, C]`. Outputs: the maximum over the places and the position of the first
/// that reaches it, `[N, 1, 1, C]` each; the maximum over the channels and its position, `[N, H', W', 1]` each; as of
/// `DepthwiseConv2D` and two `Max`. A gradient belongs to one channel of one place, and so goes back through the taps
/// of that place alone: dx and dw gather C + H' W' of them an image, where the convolution's own would gather C H' W'.
///
/// A filter that is the product of a column and a row, as a Gaussian blur is, goes by `SeparableFilter`.
public struct DepthwiseMaxima: Operator {
  public let convolution: DepthwiseConv2D

  /// The same maxima in one pass; `nil` where the convolution's kernel does not read x as it lies.
  public init?(of convolution: DepthwiseConv2D, inputs: [Shape]) {
    guard inputs.count == 2, let output = try? convolution.outputShapes(for: inputs)[0] else { return nil }
    guard DepthwiseGeometry(convolution, input: inputs[0], kernel: inputs[1], output: output).isDirect else { return nil }
    self.convolution = convolution
  }

  public var name: String { "depthwise_maxima" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let y = try convolution.outputShapes(for: inputs)[0]
    let channels: Shape = [y[0], 1, 1, y[3]], places: Shape = [y[0], y[1], y[2], 1]
    return [channels, channels, places, places]
  }

  public var keeps: Kept { Kept(inputs: [0, 1], outputs: [1, 3]) }

  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int {
    convolution.multiplyAdds(inputs: inputs, outputs: [Self.resultShape(outputs)])
  }

  private static func resultShape(_ outputs: [Shape]) -> Shape {
    [outputs[2][0], outputs[2][1], outputs[2][2], outputs[0][3]]
  }

  private func geometry(_ inputs: [Shape], _ outputs: [Shape]) -> DepthwiseGeometry {
    DepthwiseGeometry(convolution, input: inputs[0], kernel: inputs[1], output: Self.resultShape(outputs))
  }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let geometry = geometry(inputs, outputs), channels = geometry.channels
    guard pass == .forward else { return Scratch(shared: geometry.images * inputs[1].count) }
    return Scratch(shared: geometry.units * 2 * channels, perWorker: bandFloats(geometry) + betweenFloats(geometry))
  }

  private func bandFloats(_ geometry: DepthwiseGeometry) -> Int {
    let rows = (0..<geometry.bands).reduce(0) { max($0, geometry.outputRows(of: $1).count) }
    return rows * geometry.forward.columns.outputs * geometry.channels
  }

  private func betweenFloats(_ geometry: DepthwiseGeometry) -> Int {
    (0..<geometry.bands).reduce(0) {
      max($0, SeparableFilter.scratchCount(geometry.forward, rows: geometry.outputRows(of: $1), channels: geometry.channels))
    }
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let geometry = geometry(call.inputs.map(\.shape), call.outputs.map(\.shape)), channels = geometry.channels
    let x = call.inputs[0].pointer, weight = call.inputs[1].pointer
    let height = geometry.forward.rows.outputs, width = geometry.forward.columns.outputs
    let maxima = call.outputs[2].pointer, winners = call.outputs[3].pointer
    let band = call.context.scratch(of: worker), partials = call.context.sharedScratch
    let shape: Shape = [geometry.images, height, width, channels]
    let between = band + bandFloats(geometry), imageFloats = call.inputs[0].count / geometry.images
    let separable = SeparableFilter(
      weight, height: geometry.kernelHeight, width: geometry.kernelWidth, channels: channels)
    for unit in worker.tiles(geometry.units) {
      let (image, number) = unit.quotientAndRemainder(dividingBy: geometry.bands)
      let rows = geometry.outputRows(of: number), first = (image * height + rows.lowerBound) * width
      if let separable {
        separable.correlate(
          x + image * imageFloats, along: geometry.forward, rows: rows, channels: channels, between: between, into: band)
      } else {
        // The kernel writes where the whole result would have this band. (Channels in blocks of 32, whose rows would
        // stay in the first cache, took 1.3 times as long.)
        geometry.correlateDirectly(
          x, weight, nil, along: geometry.forward, image: image, rows: rows,
          into: GradientTarget(TensorView(band - first * channels, shape), accumulates: false))
      }
      let largest = partials + unit * 2 * channels
      for pixel in 0..<rows.count * width {
        let winner = Self.takeMaxima(
          of: band + pixel * channels, channels, place: rows.lowerBound * width + pixel, isFirst: pixel == 0, largest,
          largest + channels)
        maxima[first + pixel] = winner.first[0]
        winners[first + pixel] = winner.second[0]
      }
    }
    worker.barrier()
    let channelMaxima = call.outputs[0].pointer, channelWinners = call.outputs[1].pointer
    for image in worker.tiles(geometry.images) {
      for channel in stride(from: 0, to: channels, by: 16) {
        var state = Max.State.empty
        for number in 0..<geometry.bands {
          let part = partials + (image * geometry.bands + number) * 2 * channels + channel
          state.merge(Max.State(first: part.lanes(at: 0), second: part.lanes(at: channels)))
        }
        channelMaxima.store(state.first, at: image * channels + channel)
        channelWinners.store(state.second, at: image * channels + channel)
      }
    }
  }

  /// The largest of one pixel's channels; those that are the largest of their channel so far are put into `largest`.
  /// (A function of its own, its comparisons spelled out: as a method of `Max.State` they became calls.)
  @inline(never)
  private static func takeMaxima(
    of row: UnsafePointer<Float>, _ channels: Int, place: Int, isFirst: Bool, _ largest: UnsafeMutablePointer<Float>,
    _ positions: UnsafeMutablePointer<Float>
  ) -> Max.State {
    let place = Lanes(repeating: Float(place))
    var best = row.lanes(at: 0), winner = Lanes.ascending
    for channel in stride(from: 0, to: channels, by: 16) {
      // Of equal values the earlier is there already; one that is no number beats every number.
      let value = row.lanes(at: channel), isNumber = value .== value
      let wins = (value .> best) .| ((best .== best) .& .!isNumber)
      best.replace(with: value, where: wins)
      winner.replace(with: Lanes.ascending + Float(channel), where: wins)
      var most = isFirst ? value : largest.lanes(at: channel)
      var position = isFirst ? place : positions.lanes(at: channel)
      let isMost = (value .> most) .| ((most .== most) .& .!isNumber)
      most.replace(with: value, where: isMost)
      position.replace(with: place, where: isMost)
      largest.store(most, at: channel)
      positions.store(position, at: channel)
    }
    return Max.State(first: best, second: winner).acrossLanes()
  }

  /// dx[p + t] += dy w[t] and dw[t] += dy x[p + t] over the taps t of each winner p, one image a worker.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    let geometry = geometry(call.inputs.map(\.shape), call.outputs.map(\.shape)), channels = geometry.channels
    let x = call.inputs[0].shape, filters = call.inputs[1].count, imageFloats = x.count / geometry.images
    let places = call.outputs[2].shape.count / geometry.images, partials = call.context.sharedScratch
    let dx = call.inputGradients[0], dw = call.inputGradients[1]
    for image in worker.tiles(geometry.images) {
      let sums = partials + image * filters
      if dw != nil { sums.update(repeating: 0, count: filters) }
      if let dx, !dx.accumulates { (dx.pointer + image * imageFloats).update(repeating: 0, count: imageFloats) }
      let scatter = Scatter(
        geometry.forward, x: call.inputs[0].pointer + image * imageFloats,
        dx: dx.map { $0.pointer + image * imageFloats }, weight: call.inputs[1].pointer,
        sums: dw == nil ? nil : sums, kernelWidth: geometry.kernelWidth, channels: channels)
      let ofChannels = call.outputGradients[0].map { $0.pointer + image * channels }
      let ofPlaces = call.outputGradients[2].map { $0.pointer + image * places }
      let channelWinners = call.outputs[1].pointer + image * channels
      let placeWinners = call.outputs[3].pointer + image * places
      // Row by row: what the winners of a row touch lies together, while the channels' winners lie anywhere.
      for row in stride(from: 0, to: places, by: geometry.forward.columns.outputs) {
        let end = row + geometry.forward.columns.outputs
        if let ofChannels {
          for channel in 0..<channels where channelWinners[channel] >= Float(row) && channelWinners[channel] < Float(end) {
            scatter.add(ofChannels[channel], place: Int(channelWinners[channel]), channel: channel)
          }
        }
        if let ofPlaces {
          for place in row..<end { scatter.add(ofPlaces[place], place: place, channel: Int(placeWinners[place])) }
        }
      }
    }
    guard let dw else { return }
    worker.barrier()
    merge(partials, geometry.images, stride: filters, count: filters, dw, worker)
  }
}

/// The way back from one channel of one place of a convolution to what it read.
private struct Scatter {
  private let plane: TapPlane
  private let x: UnsafeMutablePointer<Float>, weight: UnsafeMutablePointer<Float>
  private let dx: UnsafeMutablePointer<Float>?, sums: UnsafeMutablePointer<Float>?
  private let kernelWidth: Int, channels: Int

  /// - Parameters: x and dx of one image; the filters' gradients are added to `sums`.
  init(
    _ plane: TapPlane, x: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?,
    weight: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>?, kernelWidth: Int, channels: Int
  ) {
    (self.plane, self.x, self.dx, self.weight, self.sums) = (plane, x, dx, weight, sums)
    (self.kernelWidth, self.channels) = (kernelWidth, channels)
  }

  @inline(__always)
  func add(_ slope: Float, place: Int, channel: Int) {
    let (row, column) = place.quotientAndRemainder(dividingBy: plane.columns.outputs)
    let rows = plane.rows.inside(plane.rows.taps(of: row)), columns = plane.columns.inside(plane.columns.taps(of: column))
    for u in 0..<rows.count {
      let line = (rows.source + u * rows.sourceStep) * plane.columns.sources + columns.source
      let taps = (rows.first + u * rows.step) * kernelWidth + columns.first
      for v in 0..<columns.count {
        let at = (line + v * columns.sourceStep) * channels + channel, tap = (taps + v * columns.step) * channels + channel
        if let dx { dx[at] += slope * weight[tap] }
        if let sums { sums[tap] += slope * x[at] }
      }
    }
  }
}
