import Compute

/// A convolution that gives each channel one filter of its own:
/// y[n, i, j, c] = b[c] + Σ_{u, v} w[u, v, c] · x[n, i s + u d - p, j s + v d - p, c].
///
/// Inputs: x `[N, H, W, C]`, weight `[kh, kw, C]` (channels innermost, so that taps multiply whole vectors), optionally
/// bias `[C]`. Outputs: y, and where it is asked for (`measuring`) the moments of y's channels `[2, C]`, which carry no
/// gradient. Sixteen channels go in lanes and a run of outputs in registers. Small filters are bound by memory and
/// read the activations as they lie (`DepthwiseConv2D+Direct.swift`); large ones are bound by their multiply-adds and
/// work on packed bands (`DepthwiseConv2D+Packed.swift`).
public struct DepthwiseConv2D: Operator {
  public let stride: Extent2D
  public let padding: Extent2D
  public let dilation: Extent2D
  /// Whether the moments of y are a second output: see `OutputMoments`.
  public private(set) var measuresOutput = false

  public init(stride: Extent2D = 1, padding: Extent2D = 0, dilation: Extent2D = 1) {
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
  }

  /// The same convolution with the moments of its output.
  public var measuring: DepthwiseConv2D {
    var copy = self
    copy.measuresOutput = true
    return copy
  }

  /// Whether inputs of these shapes, without a bias, are read as they lie: what can be fused with what stands before
  /// and behind it.
  public func isDirect(for inputs: [Shape]) -> Bool {
    guard inputs.count == 2, let output = try? outputShapes(for: inputs)[0] else { return false }
    return DepthwiseGeometry(self, input: inputs[0], kernel: inputs[1], output: output).isDirect
  }

  public var name: String { "depthwise_conv2d" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let x = inputs[0], weight = inputs[1]
    guard x.rank == 4, weight.rank == 3, weight[2] == x[3] else {
      throw ShapeError("cannot convolve \(x) channel by channel with filters \(weight): wanted [kh, kw, \(x.channels)]")
    }
    let height = Conv2D.extent(x[1], weight[0], stride.height, padding.height, dilation.height)
    let width = Conv2D.extent(x[2], weight[1], stride.width, padding.width, dilation.width)
    guard height > 0, width > 0 else {
      throw ShapeError("cannot convolve \(x) with filters \(weight): the kernel is larger than the padded image")
    }
    if inputs.count > 2, inputs[2] != [weight[2]] {
      throw ShapeError("cannot add a bias of shape \(inputs[2]) to \(weight[2]) channels")
    }
    let y: Shape = [x[0], height, width, x[3]]
    return measuresOutput ? [y, [2, x[3]]] : [y]
  }

  public var keeps: Kept { Kept(inputs: [0, 1]) }

  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int { outputs[0].count * inputs[1].count(over: 0..<2) }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let geometry = DepthwiseGeometry(self, input: inputs[0], kernel: inputs[1], output: outputs[0])
    let packed = geometry.packedBandFloats + geometry.packedTapFloats
    guard pass == .backward else { return Scratch(perWorker: packed).behind(moments(of: geometry)?.scratch) }
    return Scratch(
      shared: geometry.backwardParts * (inputs[1].count + inputs[0][3]), perWorker: packed + geometry.packedSlopeFloats)
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let x = call.inputs[0], weight = call.inputs[1], y = GradientTarget(call.outputs[0], accumulates: false)
    let bias = call.inputs.count > 2 ? call.inputs[2].pointer : nil
    let geometry = DepthwiseGeometry(self, input: x.shape, kernel: weight.shape, output: y.view.shape)
    let parts = geometry.forwardParts, blocks = geometry.blocks, measured = moments(of: geometry)
    let scratch = call.context.scratch(of: worker) + (measured?.scratch.perWorker ?? 0)
    for tile in worker.tiles(parts * blocks) {
      for unit in geometry.units(ofPart: tile / blocks, of: parts) {
        let (image, band) = unit.quotientAndRemainder(dividingBy: geometry.bands), rows = geometry.outputRows(of: band)
        geometry.correlate(
          x.pointer, weight.pointer, bias, along: geometry.forward, image: image, rows: rows, block: tile % blocks,
          into: y, scratch)
        measured?.take(geometry.outputPixels(image, rows), as: unit, call, worker)
      }
    }
    measured?.finish(call, worker)
  }

  /// Direct convolutions alone are asked for them.
  func moments(of geometry: DepthwiseGeometry) -> OutputMoments? { measuresOutput ? OutputMoments(geometry) : nil }

  /// dx gathers: each input pixel sums w · dy over the outputs that read it. dw and db sum over pixels, those of a part
  /// of the batch apart. Both go band by band, so that the second finds dy in cache.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0] else { return }
    let x = call.inputs[0], weight = call.inputs[1], filters = weight.count
    let bias = call.inputGradients.count > 2 ? call.inputGradients[2] : nil, weighs = call.inputGradients[1] != nil
    let geometry = DepthwiseGeometry(self, input: x.shape, kernel: weight.shape, output: dy.shape)
    let parts = geometry.backwardParts, blocks = geometry.blocks, partial = filters + geometry.channels
    let partials = call.context.sharedScratch, scratch = call.context.scratch(of: worker)
    for tile in worker.tiles(parts * blocks) {
      let (part, block) = tile.quotientAndRemainder(dividingBy: blocks)
      let sums = partials + part * partial, biasSums = bias == nil ? nil : sums + filters
      let own = geometry.channels(of: block)
      if weighs || bias != nil {
        for row in 0...filters / geometry.channels {
          (sums + row * geometry.channels + own.lowerBound).update(repeating: 0, count: own.count)
        }
      }
      for unit in geometry.units(ofPart: part, of: parts) {
        let (image, band) = unit.quotientAndRemainder(dividingBy: geometry.bands)
        if let target = call.inputGradients[0] {
          geometry.correlate(
            dy.pointer, weight.pointer, nil, along: geometry.back, image: image, rows: geometry.inputRows(of: band),
            block: block, into: target, scratch)
        }
        if weighs || bias != nil {
          geometry.addProducts(
            weighs ? x.pointer : nil, dy.pointer, image: image, rows: geometry.outputRows(of: band), block: block,
            to: sums, biasSums, scratch)
        }
      }
    }
    guard weighs || bias != nil else { return }
    worker.barrier()
    if let target = call.inputGradients[1] { merge(partials, parts, stride: partial, count: filters, target, worker) }
    if let bias { merge(partials + filters, parts, stride: partial, count: geometry.channels, bias, worker) }
  }
}

extension DepthwiseGeometry {
  /// Puts rows of one image of outputs, or of the data gradient, into `target`.
  fileprivate func correlate(
    _ source: UnsafeMutablePointer<Float>, _ filters: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    along plane: TapPlane, image: Int, rows: Range<Int>, block: Int, into target: GradientTarget,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    if isDirect {
      correlateDirectly(source, filters, bias, along: plane, image: image, rows: rows, into: target)
    } else {
      correlatePacked(
        source, filters, bias, along: plane, image: image, rows: rows, block: block, into: target, scratch)
    }
  }

  /// Adds the products of rows of one image's slopes with x to filter gradients, and the slopes to the bias gradient.
  fileprivate func addProducts(
    _ x: UnsafeMutablePointer<Float>?, _ dy: UnsafeMutablePointer<Float>, image: Int, rows: Range<Int>, block: Int,
    to sums: UnsafeMutablePointer<Float>, _ biasSums: UnsafeMutablePointer<Float>?,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    guard isDirect else {
      addPackedProducts(x, dy, image: image, rows: rows, block: block, to: sums, biasSums, scratch)
      return
    }
    if let biasSums {
      let pixels = outputPixels(image, rows)
      addRows(dy + pixels.lowerBound * channels, rows: pixels.count, width: channels, to: biasSums)
    }
    if let x { addDirectProducts(x, dy, image: image, rows: rows, to: sums) }
  }
}
