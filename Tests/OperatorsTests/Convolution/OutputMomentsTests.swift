import Compute
import Operators
import Support
import Testing

/// Convolutions that take the moments of their output on the way, against the output's own.
@Suite struct OutputMomentsTests {
  struct Case: Sendable, CustomStringConvertible {
    let description: String
    let x: Shape
    let filters: Shape
    var stride = 1
    /// What lies under all inputs, so that the outputs' mean lies far from zero.
    var offset: Float = 0
    var convolution: Conv2D {
      Conv2D(
        stride: Extent2D(stride, stride), padding: Extent2D(filters[1] / 2, filters[1] / 2), dilation: 1, groups: 1,
        method: filters[1] == 3 && stride == 1 ? .winograd : nil)
    }
  }

  static let cases = [
    Case(description: "pointwise", x: [2, 5, 7, 16], filters: [20, 1, 1, 16]),
    Case(description: "pointwise, steps in two blocks", x: [3, 9, 11, 160], filters: [96, 1, 1, 160]),
    Case(description: "pointwise, past the caches", x: [33, 29, 31, 16], filters: [64, 1, 1, 16]),
    Case(description: "pointwise, past the caches, far from zero", x: [33, 29, 31, 16], filters: [64, 1, 1, 16], offset: 1000),
    Case(description: "pointwise, far from zero", x: [3, 5, 7, 16], filters: [19, 1, 1, 16], offset: 1000),
    Case(description: "columns", x: [3, 15, 13, 80], filters: [48, 3, 3, 80], stride: 2),
    Case(description: "Winograd", x: [3, 10, 7, 16], filters: [18, 3, 3, 16]),
    Case(description: "Winograd, far from zero", x: [3, 10, 7, 16], filters: [18, 3, 3, 16], offset: 100),
    Case(description: "Winograd, a smaller last group", x: [3, 4, 172, 272], filters: [256, 3, 3, 272]),
  ]

  private static func numbers(_ declared: Case) -> [(Shape, [Float])] {
    var stream = RandomStream(RandomKey(9).appending(declared.description))
    let x = (0..<declared.x.count).map { _ in declared.offset + stream.uniform(-1, 1) }
    // Positive on the whole, so that the offset comes through; smaller where there are more to sum.
    let scale = 4 / Float(declared.filters.count(over: 1..<4))
    return [(declared.x, x), (declared.filters, (0..<declared.filters.count).map { _ in scale * stream.uniform(-0.5, 1) })]
  }

  /// The means within a part in a million of the values, variances of themselves, to which the offset's own rounding is
  /// added: values of a thousand have steps of 6e-5. The outputs keep their bits.
  private func check(_ found: DirectRun, _ plain: DirectRun, offset: Float) {
    #expect(found.outputs[0] == plain.outputs[0])
    let y = plain.outputs[0], channels = plain.outputShapes[0][3], rows = y.count / channels
    for channel in 0..<channels {
      let values = stride(from: channel, to: y.count, by: channels).map { Double(y[$0]) }
      let mean = values.reduce(0, +) / Double(rows)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rows), deviation = variance.squareRoot()
      let steps = Double(abs(offset)) * 4e-7
      #expect(abs(Double(found.outputs[1][channel]) - mean) < 1e-6 * (deviation + abs(mean)), "mean \(channel)")
      #expect(
        abs(Double(found.outputs[1][channels + channel]) - variance) < 2e-6 * variance + deviation * steps,
        "variance \(channel)")
    }
  }

  @Test(arguments: cases) func momentsAreThoseOfTheOutput(_ declared: Case) {
    let inputs = Self.numbers(declared), plain = DirectRun(declared.convolution, inputs)
    #expect(declared.convolution.canMeasure(for: inputs.map(\.0)))
    let measured = DirectRun(declared.convolution.measuring, inputs)
    check(measured, plain, offset: declared.offset)
    #expect(DirectRun(declared.convolution.measuring, inputs, workers: 3).outputs == measured.outputs)
    #expect(measured.gradients([plain.outputs[0]]) == plain.gradients([plain.outputs[0]]))
  }

  @Test(arguments: cases.filter { $0.stride == 1 && $0.x[3] % 16 == 0 && $0.offset == 0 })
  func throughANorm(_ declared: Case) {
    let inputs = Self.numbers(declared), channels: Shape = [declared.x.channels]
    func row(_ value: Float) -> (Shape, [Float]) { (channels, [Float](repeating: value, count: channels[0])) }
    let all = [inputs[0], row(1.5), row(0.25), row(0.125), row(0.75), inputs[1]]
    let operation = NormalizedConv2D(declared.convolution, .relu)
    check(DirectRun(operation.measuring, all), DirectRun(operation, all), offset: 0)
  }

  static let depthwise: [(String, DepthwiseConv2D, Shape, Int, Float)] = [
    ("3x3, several bands", DepthwiseConv2D(padding: 1), [3, 23, 14, 48], 3, 0),
    ("3x3, far from zero", DepthwiseConv2D(padding: 1), [2, 9, 7, 16], 3, 100),
    ("5x5, stride 2", DepthwiseConv2D(stride: 2, padding: 2), [2, 15, 13, 32], 5, 0),
  ]

  @Test(arguments: depthwise)
  func momentsOfAConvolutionChannelByChannel(
    label: String, convolution: DepthwiseConv2D, shape: Shape, size: Int, offset: Float
  ) {
    var stream = RandomStream(RandomKey(9).appending(label))
    let x = (0..<shape.count).map { _ in offset + stream.uniform(-1, 1) }, filters: Shape = [size, size, shape[3]]
    let scale = 4 / Float(size * size)
    let inputs: [(Shape, [Float])] = [
      (shape, x), (filters, (0..<filters.count).map { _ in scale * stream.uniform(-0.5, 1) }),
    ]
    let plain = DirectRun(convolution, inputs)
    #expect(convolution.isDirect(for: inputs.map(\.0)))
    let measured = DirectRun(convolution.measuring, inputs)
    check(measured, plain, offset: offset)
    #expect(DirectRun(convolution.measuring, inputs, workers: 3).outputs == measured.outputs)
    #expect(measured.gradients([plain.outputs[0]]) == plain.gradients([plain.outputs[0]]))
  }

  @Test func whatCannotBeMeasured() {
    #expect(!DepthwiseConv2D(padding: 3).isDirect(for: [[2, 8, 8, 16], [7, 7, 16]]), "packed")
    #expect(!DepthwiseConv2D().isDirect(for: [[2, 8, 8, 16], [1, 1, 16], [16]]), "with a bias")
    #expect(!Conv2D(stride: 1, padding: 1, dilation: 1, groups: 4).canMeasure(for: [[2, 8, 8, 64], [64, 3, 3, 16]]))
    #expect(!Conv2D().canMeasure(for: [[2, 8, 8, 16], [16, 1, 1, 16], [16]]), "with a bias")
    #expect(!Conv2D(padding: 1).canMeasure(for: [[2, 8, 8, 16], [16, 3, 3, 16]]), "directly")
  }

  /// From the same moments as the pass over the batch takes, the same statistics.
  @Test func runningMomentsFollowLikeTheBatchs() {
    var stream = RandomStream(RandomKey(2).appending("running"))
    let x = (0..<7 * 24).map { _ in stream.uniform(-2, 3) }
    let running = (0..<2).map { _ in ([24] as Shape, (0..<24).map { _ in stream.uniform(0.5, 2) }) }
    let batch = DirectRun(BatchMoments(epsilon: 1e-3, momentum: 0.3), [([7, 24] as Shape, x)] + running)
    var moments = [Float]()
    for power in [1, 2] {
      for channel in 0..<24 {
        let values = stride(from: channel, to: x.count, by: 24).map { Double(x[$0]) }, mean = values.reduce(0, +) / 7
        moments.append(Float(power == 1 ? mean : values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 7))
      }
    }
    let found = DirectRun(RunningMoments(epsilon: 1e-3, momentum: 0.3, rows: 7), [([2, 24] as Shape, moments)] + running)
    for (a, b) in zip(found.outputs, batch.outputs) {
      #expect(Deviation(of: a, from: b.map(Double.init)).relative < 1e-6)
    }
  }

  @Test func shapesThatDoNotFit() {
    let error = #expect(throws: ShapeError.self) {
      try RunningMoments(epsilon: 1e-5, momentum: 0.1, rows: 8).outputShapes(for: [[2, 8], [7], [7]])
    }
    #expect(error?.description == "cannot follow moments of shape [2, 8] with [7] and [7]: wanted [2, C]")
  }
}
