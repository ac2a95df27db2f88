import Compute
import Operators
import Support
import Testing

/// A convolution channel by channel that reads its input through a norm, against the norm and the convolution apart.
@Suite struct NormalizedDepthwiseConv2DTests {
  struct Case: Sendable, CustomStringConvertible {
    let description: String
    let x: Shape
    let filters: Shape
    var convolution = DepthwiseConv2D(padding: 1)
    var activation = Clamp.relu6

    var fused: NormalizedDepthwiseConv2D { NormalizedDepthwiseConv2D(convolution, activation) }
  }

  static let small = [
    Case(description: "3x3", x: [2, 5, 7, 16], filters: [3, 3, 16]),
    Case(
      description: "stride 2, no activation", x: [2, 6, 9, 32], filters: [3, 3, 32],
      convolution: DepthwiseConv2D(stride: 2, padding: 1), activation: .identity),
    Case(
      description: "5x5", x: [1, 9, 4, 16], filters: [5, 5, 16], convolution: DepthwiseConv2D(padding: 2),
      activation: .relu),
    Case(
      description: "rows that nothing reads", x: [2, 8, 8, 16], filters: [1, 1, 16],
      convolution: DepthwiseConv2D(stride: 3)),
  ]

  /// The twin: `Normalize`'s, then `DepthwiseConv2D`'s.
  @Test(arguments: small) func promises(_ declared: Case) {
    let norm = NormalizeTests.normalize("", declared.x, declared.activation)
    let convolve = DepthwiseConv2DTests.reference(declared.convolution)
    var subject = OperatorCase(
      declared.description, declared.fused, inputs: norm.inputs + [declared.filters]
    ) { inputs in convolve([norm.reference(Array(inputs.prefix(5)))[0], inputs[5]]) }
    subject.fill = norm.fill
    subject.derive = norm.derive
    #expect(subject.check() == [])
  }

  static let large = [
    Case(description: "bands of images", x: [3, 37, 23, 144], filters: [3, 3, 144]),
    Case(
      description: "stride 2, bands of one image", x: [1, 64, 50, 48], filters: [3, 3, 48],
      convolution: DepthwiseConv2D(stride: 2, padding: 1)),
    Case(description: "past the caches", x: [9, 57, 56, 64], filters: [3, 3, 64]),
    Case(
      description: "dilated", x: [2, 21, 18, 32], filters: [3, 3, 32],
      convolution: DepthwiseConv2D(padding: 2, dilation: 2)),
  ]

  /// The same bits as the two operators apart, but for the norm's own gradients, whose sums are taken in other parts;
  /// and the same for two workers and three.
  @Test(arguments: large) func isNormThenConvolution(_ declared: Case) throws {
    var stream = RandomStream(RandomKey(5).appending(declared.description))
    let inputs = NormalizeTests.numbers(declared.x, &stream)
    func numbers(_ shape: Shape) -> (Shape, [Float]) { (shape, (0..<shape.count).map { _ in stream.uniform(-1, 1) }) }
    let filters = numbers(declared.filters)

    let fused = DirectRun(declared.fused, inputs + [filters])
    let norm = DirectRun(Normalize(declared.activation), inputs)
    let apart = DirectRun(declared.convolution, [(declared.x, norm.outputs[0]), filters])
    #expect(fused.outputs == apart.outputs)
    let measured = DirectRun(declared.fused.measuring, inputs + [filters])
    let apartMeasured = DirectRun(declared.convolution.measuring, [(declared.x, norm.outputs[0]), filters])
    #expect(measured.outputs == apartMeasured.outputs)

    let slopes = numbers(apart.outputShapes[0]).1
    let found = fused.gradients([slopes]), wanted = apart.gradients([slopes])
    let throughNorm = norm.gradients([wanted[0]])
    #expect(found[5] == wanted[1], "filters")
    for input in 0..<3 {
      #expect(Deviation(of: found[input], from: throughNorm[input].map(Double.init)).relative < 2e-6, "input \(input)")
    }
    #expect(DirectRun(declared.fused, inputs + [filters], workers: 3).gradients([slopes]) == found)
  }

  @Test func shapesThatDoNotFit() {
    let error = #expect(throws: ShapeError.self) {
      try NormalizedDepthwiseConv2D(DepthwiseConv2D(padding: 3), .relu)
        .outputShapes(for: [[1, 8, 8, 16], [16], [16], [16], [16], [7, 7, 16]])
    }
    #expect(
      error?.description == "cannot convolve [1, 8, 8, 16] with filters [7, 7, 16] while it is normalized")
  }
}
