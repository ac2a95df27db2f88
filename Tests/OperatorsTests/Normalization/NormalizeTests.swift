import Compute
import Operators
import Support
import Testing

/// The two halves of a batch norm: together they are the whole of it, with what follows in the same pass.
@Suite struct NormalizeTests {
  static let shapes: [Shape] = [
    [4, 5, 5, 16], [3, 7, 7, 3], [2, 9, 5, 24], [37, 10], [1, 11, 11, 1], [33, 40, 2], [2, 17, 17, 64], [35, 528],
  ]

  static let cases =
    shapes.map { normalize("\($0)", $0) }
    + shapes.map { normalize("after a residual \($0)", $0, .relu, residual: true) }
    + [Clamp.relu, .relu6].map { normalize("\($0)", [3, 5, 7, 24], $0) }
    + [Clamp.identity, .relu6].map { normalize("\($0) after a residual", [3, 5, 7, 24], $0, residual: true) }

  /// The twin takes mean and deviation from x, so that its differences contain what flows through the statistics.
  static func normalize(
    _ label: String, _ shape: Shape, _ activation: Clamp = .identity, residual: Bool = false
  ) -> OperatorCase {
    let channels = shape.channels, epsilon = 1e-3
    var declared = OperatorCase(
      label, Normalize(activation, hasResidual: residual),
      inputs: [shape, [channels], [channels], [channels], [channels]] + (residual ? [shape] : [])
    ) { inputs in
      let x = inputs[0].values
      let (means, inverses) = moments(x, channels: channels, epsilon: epsilon)
      var y = DoubleTensor(shape)
      for index in x.indices {
        let c = index % channels
        let normal = (x[index] - means[c]) * inverses[c] * inputs[1].values[c] + inputs[2].values[c]
        y.values[index] = value(activation, normal + (residual ? inputs[5].values[index] : 0))
      }
      return [y]
    }
    declared.fill = { input, stream in
      // Large values, so that ReLU6 meets its ceiling too.
      input == 1 || input == 2 ? stream.uniform(-4, 4) : stream.uniform(-1, 1)
    }
    declared.derive = { inputs in
      let (means, inverses) = moments(inputs[0].map(Double.init), channels: channels, epsilon: epsilon)
      inputs[3] = means.map(Float.init)
      inputs[4] = inverses.map(Float.init)
    }
    return declared
  }

  /// x, weight and bias at random, and the moments of x: the inputs of `Normalize`.
  static func numbers(_ shape: Shape, _ stream: inout RandomStream) -> [(Shape, [Float])] {
    let channels: Shape = [shape.channels]
    let drawn = [shape, channels, channels].map { shape in
      (shape, (0..<shape.count).map { _ in stream.uniform(-1, 1) })
    }
    let (means, inverses) = moments(drawn[0].1.map(Double.init), channels: shape.channels, epsilon: 1e-5)
    return drawn + [(channels, means.map(Float.init)), (channels, inverses.map(Float.init))]
  }

  static func moments(_ x: [Double], channels: Int, epsilon: Double) -> (means: [Double], inverses: [Double]) {
    let n = Double(x.count / channels)
    var means = [Double](repeating: 0, count: channels), variances = means
    for index in x.indices { means[index % channels] += x[index] / n }
    for index in x.indices {
      let distance = x[index] - means[index % channels]
      variances[index % channels] += distance * distance / n
    }
    return (means, variances.map { 1 / ($0 + epsilon).squareRoot() })
  }

  static func value(_ activation: Clamp, _ t: Double) -> Double {
    switch activation {
    case .identity: t
    case .relu: max(t, 0)
    case .relu6: min(max(t, 0), 6)
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  /// The statistics are those of `BatchNorm`, bit for bit.
  @Test(arguments: shapes) func momentsAreThoseOfBatchNorm(_ shape: Shape) {
    let channels = shape.channels
    var stream = RandomStream(RandomKey(4))
    let x = (0..<shape.count).map { _ in stream.uniform(-3, 5) }
    let small = (0..<4).map { _ in (0..<channels).map { _ in stream.uniform(0, 1) } }
    let whole = SingleRun.forward(
      BatchNorm(momentum: 0.3), [(shape, x)] + small.map { ([channels], $0) })
    let half = SingleRun.forward(
      BatchMoments(momentum: 0.3), [(shape, x), ([channels], small[2]), ([channels], small[3])])
    #expect(half == Array(whole.dropFirst()))
  }

  @Test func shapesThatDoNotFit() {
    let error = #expect(throws: ShapeError.self) {
      try Normalize(.relu, hasResidual: true).outputShapes(for: [[2, 4, 4, 8], [8], [8], [8], [8], [2, 4, 4, 4]])
    }
    #expect(error?.description == "cannot add a residual of shape [2, 4, 4, 4] to [2, 4, 4, 8]")
  }
}
