import Compute

/// A convolution channel by channel that reads its input through a batch norm and its activation:
/// y = depthwise(f(weight (x - mean) r + bias)), r = 1 / sqrt(variance + epsilon). What `NormalizedConv2D` is to
/// `Conv2D`.
///
/// Inputs: x `[N, H, W, C]`, weight, bias, mean and r, each `[C]`, as for `Normalize`, then the filters `[kh, kw, C]`.
/// Outputs: those of the convolution. The normalised activation is never in memory: its rows are made in a worker's
/// own, forwards as the outputs come to them and backwards again for the gradient at the filters. Nor is its gradient
/// da: nine multiply-adds a value make it twice, for the sums that the norm's gradient needs and then for dx, in less
/// time than it takes to write and read it. An inverted residual (MobileNetV2) is bound by its passes over the widened
/// activation: of two reads and two writes forwards one of each is left, of seven reads and three writes backwards four
/// and one.
///
/// With a = f(norm(x)): da and the filters' gradient are those of `DepthwiseConv2D`; g = da f', and dx, dweight, dbias
/// those of `Normalize`. y and the filters' gradient have the same bits as apart; sums of g are taken in other parts.
public struct NormalizedDepthwiseConv2D: NormalizedConvolution {
  public let convolution: DepthwiseConv2D
  public let activation: Clamp

  public init(_ convolution: DepthwiseConv2D, _ activation: Clamp) {
    self.convolution = convolution
    self.activation = activation
  }

  /// Whether `convolution` can read its input through a norm, for an input and filters of these shapes: where it reads
  /// activations as they lie.
  public static func suits(_ convolution: DepthwiseConv2D, input: Shape, filters: Shape) -> Bool {
    convolution.isDirect(for: [input, filters])
  }

  /// The same with the moments of its output.
  public var measuring: NormalizedDepthwiseConv2D { NormalizedDepthwiseConv2D(convolution.measuring, activation) }

  public var name: String { "normalized_depthwise_conv2d" }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let geometry = geometry(inputs[0], inputs[5], outputs[0]), rows = NormalizedRows.floats(geometry)
    switch pass {
    case .forward: return Scratch(perWorker: rows).behind(convolution.moments(of: geometry)?.scratch)
    case .backward:
      let sums = NormalizedInputGradient.floats(parts: geometry.units, channels: geometry.channels)
      return Scratch(
        shared: geometry.backwardParts * inputs[5].count + sums, perWorker: rows + ChannelTotals.floats)
    }
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let geometry = geometry(call.inputs[0].shape, call.inputs[5].shape, call.outputs[0].shape)
    let measured = convolution.moments(of: geometry)
    let own = call.context.scratch(of: worker) + (measured?.scratch.perWorker ?? 0)
    let rows = NormalizedRows(call.inputs, activation, geometry, in: own)
    let filters = call.inputs[5].pointer, y = GradientTarget(call.outputs[0], accumulates: false)
    for part in worker.tiles(geometry.forwardParts) {
      for unit in geometry.units(ofPart: part, of: geometry.forwardParts) {
        let (image, band) = unit.quotientAndRemainder(dividingBy: geometry.bands)
        let outputs = geometry.outputRows(of: band)
        rows.visit(image, outputs: outputs) { row, a in
          geometry.correlateDirectly(
            a, filters, nil, along: geometry.forward, image: image, rows: row..<row + 1, into: y)
        }
        measured?.take(geometry.outputPixels(image, outputs), as: unit, call, worker)
      }
    }
    measured?.finish(call, worker)
  }

  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0] else { return }
    let geometry = geometry(call.inputs[0].shape, call.inputs[5].shape, dy.shape), channels = geometry.channels
    let own = call.context.scratch(of: worker), totals = own + NormalizedRows.floats(geometry)
    let rows = NormalizedRows(call.inputs, activation, geometry, in: own)
    let shared = call.context.sharedScratch, count = call.inputs[5].count, parts = geometry.backwardParts
    let slopeSums = shared + parts * count, slopes = GradientSumParts(geometry.units, channels: channels, in: slopeSums)
    let dw = call.inputGradients[5], wantsSlopes = call.inputGradients[0...2].contains { $0 != nil }
    let x = call.inputs[0].pointer, filters = call.inputs[5].pointer
    /// da of rows of an image in the worker's own memory; where the whole of it would begin.
    func gradient(_ inputs: Range<Int>, of image: Int) -> UnsafeMutablePointer<Float> {
      let da = rows.memory - rows.start(image, row: inputs.lowerBound)
      geometry.correlateDirectly(
        dy.pointer, filters, nil, along: geometry.back, image: image, rows: inputs,
        into: GradientTarget(TensorView(da, call.inputs[0].shape), accumulates: false))
      return da
    }
    for part in worker.tiles(parts) {
      let sums = shared + part * count
      if dw != nil { sums.update(repeating: 0, count: count) }
      for unit in geometry.units(ofPart: part, of: parts) {
        let (image, band) = unit.quotientAndRemainder(dividingBy: geometry.bands)
        if wantsSlopes {
          let inputs = geometry.inputRows(of: band), start = rows.start(image, row: inputs.lowerBound)
          let g = gradient(inputs, of: image)
          rows.read.sumSlopes(
            g + start, x + start, mean: call.inputs[3].pointer,
            rows: inputs.count * geometry.forward.columns.sources, channels: channels, to: slopes.plain(unit),
            slopes.centered(unit))
        }
        guard dw != nil else { continue }
        rows.visit(image, outputs: geometry.outputRows(of: band)) { row, a in
          geometry.addDirectProducts(a, dy.pointer, image: image, rows: row..<row + 1, to: sums)
        }
      }
    }
    worker.barrier()
    if let dw { merge(shared, parts, stride: count, count: count, dw, worker) }
    guard wantsSlopes else { return }
    let memory = slopeSums + GradientSumParts.floats(geometry.units, channels: channels)
    NormalizedInputGradient(slopes, channels: channels).putChannels(call, memory: memory, own: totals, worker)
    guard let dx = call.inputGradients[0] else { return }
    worker.barrier()
    let target = StreamedOutput(dx)
    for unit in worker.tiles(geometry.units) {
      let (image, band) = unit.quotientAndRemainder(dividingBy: geometry.bands)
      for row in geometry.inputRows(of: band) {
        let da = gradient(row..<row + 1, of: image), start = rows.start(image, row: row)
        rows.read.combine(
          da, x, pixels: start..<start + geometry.rowFloats, channels: channels, by: memory, into: target)
      }
    }
  }

  private func geometry(_ x: Shape, _ filters: Shape, _ output: Shape) -> DepthwiseGeometry {
    DepthwiseGeometry(convolution, input: x, kernel: filters, output: output)
  }
}

/// The rows of a normalised activation under a band of outputs, made as the outputs come to them, so that they are
/// still in the nearest cache.
private struct NormalizedRows {
  let read: NormalizedReader
  /// As much as a band of x, of which `visit` makes use.
  let memory: UnsafeMutablePointer<Float>
  private let x: UnsafeMutablePointer<Float>
  private let axis: TapAxis
  private let width: Int, channels: Int

  /// Floats of a worker's memory.
  static func floats(_ geometry: DepthwiseGeometry) -> Int {
    let axis = geometry.forward.rows
    let rows = (0..<geometry.bands).reduce(0) {
      max($0, axis.reachInside(of: geometry.outputRows(of: $1)).count, geometry.inputRows(of: $1).count)
    }
    return NormalizedReader.floats(geometry.channels) + rows * geometry.rowFloats
  }

  init(
    _ inputs: [TensorView], _ activation: Clamp, _ geometry: DepthwiseGeometry, in memory: UnsafeMutablePointer<Float>
  ) {
    read = NormalizedReader(inputs, activation, in: memory)
    self.memory = memory + NormalizedReader.floats(geometry.channels)
    x = inputs[0].pointer
    (axis, width, channels) = (geometry.forward.rows, geometry.forward.columns.sources, geometry.channels)
  }

  /// The first float of a row of x.
  func start(_ image: Int, row: Int) -> Int { (image * axis.sources + row) * width * channels }

  /// Visits the output rows; `body` gets each with the place where the whole activation would lie, of which the rows
  /// under this one are there.
  @inline(__always)
  func visit(_ image: Int, outputs: Range<Int>, _ body: (_ row: Int, _ a: UnsafeMutablePointer<Float>) -> Void) {
    let first = axis.reachInside(of: outputs).lowerBound, a = memory - start(image, row: first)
    var made = first
    for row in outputs {
      let end = axis.reachInside(of: row..<row + 1).upperBound
      if made < end {
        let start = start(image, row: made)
        read.copy(x + start, rows: (end - made) * width, channels: channels, to: a + start)
        made = end
      }
      body(row, a)
    }
  }
}
