import Compute
import Operators
import Support
import Testing

/// A convolution that reads its input through a norm, against the norm and the convolution apart.
@Suite struct NormalizedConv2DTests {
  struct Case: Sendable, CustomStringConvertible {
    let description: String
    let x: Shape
    let filters: Shape
    var activation = Clamp.relu

    var convolution: Conv2D {
      filters[1] == 1
        ? Conv2D() : Conv2D(stride: 1, padding: 1, dilation: 1, groups: 1, method: .winograd)
    }
    var fused: NormalizedConv2D { NormalizedConv2D(convolution, activation) }
  }

  static let small = [
    Case(description: "pointwise", x: [2, 5, 7, 16], filters: [20, 1, 1, 16]),
    Case(description: "pointwise, no activation", x: [3, 3, 3, 32], filters: [16, 1, 1, 32], activation: .identity),
    Case(description: "Winograd", x: [2, 6, 7, 16], filters: [18, 3, 3, 16]),
    Case(description: "Winograd, ReLU6", x: [1, 9, 5, 32], filters: [16, 3, 3, 32], activation: .relu6),
  ]

  /// The twin: `Normalize`'s, then `Conv2D`'s.
  @Test(arguments: small) func promises(_ declared: Case) {
    let norm = NormalizeTests.normalize("", declared.x, declared.activation)
    let convolve = Conv2DTests.reference(declared.convolution)
    var subject = OperatorCase(
      declared.description, declared.fused, inputs: norm.inputs + [declared.filters]
    ) { inputs in convolve([norm.reference(Array(inputs.prefix(5)))[0], inputs[5]]) }
    subject.fill = norm.fill
    subject.derive = norm.derive
    #expect(subject.check() == [])
  }

  static let large = [
    Case(description: "pointwise, uneven parts and tiles", x: [11, 27, 29, 64], filters: [256, 1, 1, 64]),
    Case(description: "pointwise, parts of few tiles", x: [1, 40, 77, 128], filters: [144, 1, 1, 128]),
    Case(description: "Winograd, chunks of each worker", x: [9, 29, 30, 48], filters: [64, 3, 3, 48]),
    Case(description: "Winograd, tiles shared by all", x: [9, 15, 16, 272], filters: [256, 3, 3, 272]),
    Case(description: "Winograd, a smaller last group", x: [3, 4, 172, 256], filters: [272, 3, 3, 256]),
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
      try NormalizedConv2D(Conv2D(stride: 2), .relu)
        .outputShapes(for: [[1, 4, 4, 16], [16], [16], [16], [16], [8, 1, 1, 16]])
    }
    #expect(
      error?.description == "cannot convolve [1, 4, 4, 16] with filters [8, 1, 1, 16] while it is normalized")
  }
}
