import Compute

/// Two-dimensional convolution (cross-correlation, as the field has it):
/// y[n, i, j, o] = b[o] + Σ_{u, v, c} w[o, u, v, c] · x[n, i s + u d - p, j s + v d - p, g C/G + c], zero outside the image.
///
/// Inputs: x `[N, H, W, C]`, weight `[O, kh, kw, C/groups]`, optionally bias `[O]`. A pointwise convolution is a matrix
/// product on the activations as they lie; every other copies tiles of patches into columns first
/// (`Conv2D+ImageToColumns.swift`).
public struct Conv2D: Operator {
  public let stride: Extent2D
  public let padding: Extent2D
  public let dilation: Extent2D
  public let groups: Int

  public init(stride: Extent2D = 1, padding: Extent2D = 0, dilation: Extent2D = 1, groups: Int = 1) {
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
  }

  public var name: String { "conv2d" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let x = inputs[0], weight = inputs[1]
    guard x.rank == 4, weight.rank == 4, weight[3] * groups == x[3], weight[0] % groups == 0 else {
      throw ShapeError(
        "cannot convolve \(x) with filters \(weight) in \(groups) groups: wanted [N, H, W, C] and [O, kh, kw, C / groups]")
    }
    let height = Self.extent(x[1], weight[1], stride.height, padding.height, dilation.height)
    let width = Self.extent(x[2], weight[2], stride.width, padding.width, dilation.width)
    guard height > 0, width > 0 else {
      throw ShapeError("cannot convolve \(x) with filters \(weight): the kernel is larger than the padded image")
    }
    if inputs.count > 2, inputs[2] != [weight[0]] {
      throw ShapeError("cannot add a bias of shape \(inputs[2]) to \(weight[0]) channels")
    }
    return [[x[0], height, width, weight[0]]]
  }

  static func extent(_ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int) -> Int {
    let room = size + 2 * padding - dilation * (kernel - 1) - 1
    return room < 0 ? 0 : room / stride + 1
  }

  public var keeps: Kept { Kept(inputs: [0, 1]) }

  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int { outputs[0].count * inputs[1].count(over: 1..<4) }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let geometry = ConvolutionGeometry(self, input: inputs[0], weight: inputs[1], output: outputs[0])
    let columns = geometry.isPointwise ? 0 : geometry.pixelsPerTile * geometry.filterLength
    switch pass {
    case .forward: return Scratch(perWorker: columns)
    case .backward:
      let partials = geometry.filterGradientChunks * (inputs[1].count + geometry.outputChannels)
      let scattered = geometry.isPointwise ? 0 : geometry.stripPixels * geometry.filterLength
      return Scratch(shared: partials, perWorker: max(columns, scattered))
    }
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let geometry = ConvolutionGeometry(
      self, input: call.inputs[0].shape, weight: call.inputs[1].shape, output: call.outputs[0].shape)
    let x = call.inputs[0].pointer, weight = call.inputs[1].pointer, y = call.outputs[0].pointer
    let bias = call.inputs.count > 2 ? call.inputs[2].pointer : nil
    let outputs = geometry.outputChannels, length = geometry.filterLength
    let columns = call.context.scratch(of: worker)
    for pixels in worker.ranges(geometry.outputPixels, by: geometry.pixelsPerTile) {
      let tile = y + pixels.lowerBound * outputs
      if let bias {
        for pixel in 0..<pixels.count { (tile + pixel * outputs).update(from: bias, count: outputs) }
      }
      for group in 0..<geometry.groups {
        let patches = geometry.patches(of: x, pixels, group: group, into: columns)
        matrixProduct(
          m: pixels.count, n: geometry.groupOutputs, k: length, patches,
          MatrixOperand(weight + group * geometry.groupOutputs * length, leading: length, transposed: true),
          into: tile + group * geometry.groupOutputs, leading: outputs, accumulate: bias != nil)
      }
    }
  }

  /// dx = dy correlated with the filters turned round; dw[o] = Σ over pixels of dy[o] times the patch under it; db = Σ dy.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0] else { return }
    let geometry = ConvolutionGeometry(
      self, input: call.inputs[0].shape, weight: call.inputs[1].shape, output: dy.shape)
    if let target = call.inputGradients[0] {
      dataGradient(geometry, dy.pointer, call.inputs[1].pointer, target, call.context.scratch(of: worker), worker)
    }
    let bias = call.inputGradients.count > 2 ? call.inputGradients[2] : nil
    if call.inputGradients[1] != nil || bias != nil {
      filterGradient(geometry, dy.pointer, call, bias: bias, worker)
    }
  }
}
