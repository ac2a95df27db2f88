import Compute

/// Two-dimensional convolution (cross-correlation, as the field has it): y[n, i, j, o] = b[o] + Σ_{u, v, c} w[o, u, v,
/// c] · x[n, i s + u d - p, j s + v d - p, g C/G + c], zero outside the image.
///
/// Inputs: x `[N, H, W, C]`, weight `[O, kh, kw, C/groups]`, optionally bias `[O]`. Outputs: y, and where it is asked for
/// (`measuring`) the moments of y's channels `[2, O]`, which carry no gradient. A pointwise convolution is a matrix
/// product on the activations as they lie (`Conv2D+Pointwise.swift`); others copy tiles of patches into columns first
/// (`Conv2D+ImageToColumns.swift`). Where channels are few a matrix product would be too thin, and the sums are taken
/// without one: `Conv2D+Direct.swift` for up to 64 channels, `Conv2D+Planar.swift` for one or two, and
/// `Conv2D+Grouped.swift` for groups of up to 64. Where it is asked for 3x3 filters are applied with a quarter of the
/// multiplications (`Conv2D+Winograd.swift`).
public struct Conv2D: Operator {
  public let stride: Extent2D
  public let padding: Extent2D
  public let dilation: Extent2D
  public let groups: Int
  /// The method to take where it can be taken, instead of the plain one that the shapes suggest.
  public let method: ConvolutionMethod?
  /// Whether the moments of y are a second output: see `OutputMoments`.
  public private(set) var measuresOutput = false

  public init(stride: Extent2D = 1, padding: Extent2D = 0, dilation: Extent2D = 1, groups: Int = 1) {
    self.init(stride: stride, padding: padding, dilation: dilation, groups: groups, method: nil)
  }

  public init(stride: Extent2D, padding: Extent2D, dilation: Extent2D, groups: Int, method: ConvolutionMethod?) {
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
    self.method = method
  }

  /// The same convolution, computed by `method` where that can be.
  public func computed(by method: ConvolutionMethod) -> Conv2D {
    Conv2D(stride: stride, padding: padding, dilation: dilation, groups: groups, method: method)
  }

  /// The same convolution with the moments of its output.
  public var measuring: Conv2D {
    var copy = self
    copy.measuresOutput = true
    return copy
  }

  /// Whether the method for inputs of these shapes can take the moments of the output on its way.
  public func canMeasure(for inputs: [Shape]) -> Bool {
    guard inputs.count == 2, let output = try? outputShapes(for: inputs)[0] else { return false }
    return ConvolutionGeometry(self, input: inputs[0], weight: inputs[1], output: output).canMeasure
  }

  /// The method that measurements prefer for inputs of these shapes; `nil` where the plain one is the fastest.
  public func fastestMethod(for inputs: [Shape]) -> ConvolutionMethod? {
    guard let output = try? outputShapes(for: inputs)[0] else { return nil }
    let geometry = ConvolutionGeometry(self, input: inputs[0], weight: inputs[1], output: output)
    return geometry.favoursWinograd ? .winograd : nil
  }

  /// Whether `method` is Winograd's and can compute all three products for inputs of these shapes.
  public func canTake(_ method: ConvolutionMethod, for inputs: [Shape]) -> Bool {
    guard method == .winograd, let output = try? outputShapes(for: inputs)[0] else { return false }
    return ConvolutionGeometry(self, input: inputs[0], weight: inputs[1], output: output).takesWinograd
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
    let y: Shape = [x[0], height, width, weight[0]]
    return measuresOutput ? [y, [2, weight[0]]] : [y]
  }

  static func extent(_ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int) -> Int {
    let room = size + 2 * padding - dilation * (kernel - 1) - 1
    return room < 0 ? 0 : room / stride + 1
  }

  public var keeps: Kept { Kept(inputs: [0, 1]) }

  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int { outputs[0].count * inputs[1].count(over: 1..<4) }

  /// Winograd's method multiplies the points that its tiles take; its transforms are additions, and not counted.
  public func computedMultiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int {
    let geometry = ConvolutionGeometry(self, input: inputs[0], weight: inputs[1], output: outputs[0])
    guard geometry.method(for: .forward) == .winograd else { return multiplyAdds(inputs: inputs, outputs: outputs) }
    return geometry.tiling.products * geometry.channels * geometry.outputChannels
  }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let geometry = ConvolutionGeometry(self, input: inputs[0], weight: inputs[1], output: outputs[0])
    guard pass == .backward else { return geometry.scratch(for: .forward).behind(moments(of: geometry)?.scratch) }
    let data = geometry.scratch(for: .dataGradient), filter = geometry.scratch(for: .filterGradient)
    return Scratch(shared: max(data.shared, filter.shared), perWorker: max(data.perWorker, filter.perWorker))
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let geometry = ConvolutionGeometry(
      self, input: call.inputs[0].shape, weight: call.inputs[1].shape, output: call.outputs[0].shape)
    let x = call.inputs[0].pointer, weight = call.inputs[1].pointer
    let bias = call.inputs.count > 2 ? call.inputs[2].pointer : nil
    let y = GradientTarget(call.outputs[0], accumulates: false)
    let measured = moments(of: geometry), ahead = measured?.scratch ?? Scratch()
    let shared = call.context.sharedScratch + ahead.shared, scratch = call.context.scratch(of: worker) + ahead.perWorker
    let moments = measured?.parts(call)
    switch geometry.method(for: .forward) {
    case .pointwise: geometry.correlatePixels(x, weight, bias, into: y.pointer, moments: moments, packed: shared, worker)
    case .imageToColumns:
      geometry.correlateColumns(x, weight, bias, into: y.pointer, moments: moments, packed: shared, scratch, worker)
    case .planar: geometry.correlatePlanes(x, weight, bias, into: y, scratch, worker)
    case .direct: geometry.correlateDirectly(x, weight, bias, into: y, packed: shared, scratch, worker)
    case .grouped:
      geometry.correlateGroups(x, weight, bias, turnsBack: false, into: y, packed: shared, scratch, worker)
    case .winograd:
      geometry.correlateWinograd(
        x, AsItLies(), weight, bias, into: StreamedOutput(y, rows: geometry.outputChannels), moments: moments,
        transformed: shared, scratch, worker)
    }
    measured?.finish(call, worker)
  }

  private func moments(of geometry: ConvolutionGeometry) -> OutputMoments? {
    measuresOutput ? OutputMoments(geometry, tilePixels: geometry.pixelsPerTile) : nil
  }

  /// dx = dy correlated with the filters turned round; dw[o] = Σ over pixels of dy[o] times the patch under it;
  /// db = Σ dy.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0] else { return }
    let geometry = ConvolutionGeometry(
      self, input: call.inputs[0].shape, weight: call.inputs[1].shape, output: dy.shape)
    let bias = call.inputGradients.count > 2 ? call.inputGradients[2] : nil
    if geometry.method(for: .filterGradient) == .pointwise {
      return geometry.pointwiseGradients(
        dy.pointer, call.inputs[0].pointer, call.inputs[1].pointer, dx: call.inputGradients[0],
        dw: call.inputGradients[1], db: bias, shared: call.context.sharedScratch, call.context.scratch(of: worker),
        worker)
    }
    let wantsFilters = call.inputGradients[1] != nil || bias != nil
    if let target = call.inputGradients[0] {
      dataGradient(geometry, dy.pointer, call, target, worker)
      // The filters that all workers read lie where the filter gradient's sums come next.
      if wantsFilters && geometry.scratch(for: .dataGradient).shared > 0 { worker.barrier() }
    }
    if wantsFilters { filterGradient(geometry, dy.pointer, call, bias: bias, worker) }
  }

  private func dataGradient(
    _ geometry: ConvolutionGeometry, _ dy: UnsafeMutablePointer<Float>, _ call: BackwardCall, _ target: GradientTarget,
    _ worker: Worker
  ) {
    let weight = call.inputs[1].pointer, scratch = call.context.scratch(of: worker)
    let shared = call.context.sharedScratch
    switch geometry.method(for: .dataGradient) {
    case .pointwise: preconditionFailure("pointwise gradients are computed together")
    case .imageToColumns: geometry.scatterColumns(dy, weight, target, packed: shared, scratch, worker)
    case .planar: geometry.turned.correlatePlanes(dy, weight, nil, into: target, scratch, worker)
    case .direct: geometry.turned.correlateDirectly(dy, weight, nil, into: target, packed: shared, scratch, worker)
    case .grouped:
      geometry.correlateGroups(dy, weight, nil, turnsBack: true, into: target, packed: shared, scratch, worker)
    case .winograd:
      let output = BiasedOutput(StreamedOutput(target, rows: geometry.channels), nil)
      geometry.turned.correlateWinograd(dy, AsItLies(), weight, into: output, transformed: shared, scratch, worker)
    }
  }

  /// Each chunk of the batch sums its own gradient, then the chunks are added in order: the association depends on the
  /// shape alone.
  private func filterGradient(
    _ geometry: ConvolutionGeometry, _ dy: UnsafeMutablePointer<Float>, _ call: BackwardCall, bias: GradientTarget?,
    _ worker: Worker
  ) {
    let chunks = geometry.filterGradientChunks, outputs = geometry.outputChannels
    let filters = outputs * geometry.filterLength, partial = filters + outputs
    let partials = call.context.sharedScratch, scratch = call.context.scratch(of: worker)
    let x = call.inputs[0].pointer, weighs = call.inputGradients[1] != nil
    let method = geometry.method(for: .filterGradient)
    if method == .winograd {
      return geometry.winogradFilterGradient(dy, x, AsItLies(), call.inputGradients[1], bias, sums: partials, scratch, worker)
    }
    if method == .imageToColumns && geometry.tilesFilters {
      return geometry.tiledFilterGradient(dy, x, call.inputGradients[1], bias, biasSums: partials, scratch, worker)
    }
    for chunk in worker.tiles(chunks) {
      let sums = partials + chunk * partial
      let biasSums = bias == nil ? nil : sums + filters
      if method != .imageToColumns { sums.update(repeating: 0, count: partial) }
      switch method {
      case .imageToColumns: geometry.addColumnProducts(chunk, dy, weighs ? x : nil, to: sums, biasSums, scratch)
      case .planar: geometry.addPlaneProducts(chunk, dy, weighs ? x : nil, to: sums, biasSums, scratch)
      case .direct: geometry.sumDirectProducts(chunk, dy, weighs ? x : nil, into: sums, biasSums, scratch)
      case .grouped: geometry.addGroupProducts(chunk, dy, weighs ? x : nil, to: sums, biasSums, scratch)
      case .winograd, .pointwise: preconditionFailure("\(method) sums its own parts")
      }
    }
    worker.barrier()
    if let target = call.inputGradients[1] { merge(partials, chunks, stride: partial, count: filters, target, worker) }
    if let bias { merge(partials + filters, chunks, stride: partial, count: outputs, bias, worker) }
  }
}

extension ConvolutionGeometry {
  /// Working memory of one of the three products; the filter gradient's begins with its partial sums.
  func scratch(for product: ConvolutionProduct) -> Scratch {
    let correlation = product == .dataGradient ? turned : self
    let partials = product == .filterGradient ? filterGradientChunks * outputChannels * (filterLength + 1) : 0
    switch (method(for: product), product) {
    case (.pointwise, .forward): return Scratch(shared: panelFloats(for: .forward))
    case (.pointwise, _): return pointwiseGradientScratch
    case (.imageToColumns, .dataGradient):
      return Scratch(shared: panelFloats(for: product), perWorker: stripPixels * filterLength)
    case (.imageToColumns, .forward):
      return Scratch(shared: panelFloats(for: product), perWorker: pixelsPerTile * filterLength)
    case (.imageToColumns, .filterGradient):
      if tilesFilters { return Scratch(shared: filterGradientChunks * outputChannels, perWorker: filterTileScratch) }
      return Scratch(
        shared: partials, perWorker: filterProductFloats + pixelsPerTile * filterLength)
    case (.planar, .filterGradient): return Scratch(shared: partials, perWorker: planeProductFloats)
    case (.planar, _): return Scratch(perWorker: correlation.planeFloats)
    case (.grouped, .filterGradient):
      return Scratch(shared: partials, perWorker: groupedScratch(for: product).perWorker)
    case (.grouped, _): return groupedScratch(for: product)
    case (.direct, .filterGradient): return Scratch(shared: partials, perWorker: directProductScratch)
    case (.direct, _):
      return Scratch(shared: outputChannels * filterLength, perWorker: correlation.paddedBandFloats)
    case (.winograd, .filterGradient): return winogradFilterScratch
    case (.winograd, _): return correlation.winogradScratch
    }
  }
}
