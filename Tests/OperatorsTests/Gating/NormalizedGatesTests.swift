import Compute
import Operators
import Support
import Testing

/// Gates that read x through a norm which nobody writes, and the operator that goes before them.
@Suite struct NormalizedGatesTests {
  /// Less than a vector of channels, a vector and a rest, two tiles an image, one place.
  static let shapes: [Shape] = [[2, 5, 7, 3], [3, 4, 5, 24], [2, 33, 17, 16], [5, 1, 1, 20]]

  static let residuals = shapes.flatMap { shape in
    [(true, false), (false, true), (true, true)].map { residual(shape, channel: $0, spatial: $1) }
  } + [residual([2, 3, 5, 24], .relu, channel: true, spatial: true)]

  /// The twin normalises with the statistics that it is given: their own gradient is somebody else's. Without a kink on
  /// large shapes: a step of a weight moves hundreds of places across one at once.
  static func residual(
    _ shape: Shape, _ activation: Clamp = .identity, channel: Bool, spatial: Bool
  ) -> OperatorCase {
    let gates: [Shape] =
      (channel ? [[shape[0], 1, 1, shape[3]]] : []) + (spatial ? [[shape[0], shape[1], shape[2], 1]] : [])
    let norm = 2 + gates.count
    var declared = OperatorCase(
      "\(activation) \(shape) \(gates), normalized",
      GatedResidual(activation, hasChannelGate: channel, hasSpatialGate: spatial, normalizes: true),
      inputs: [shape, shape] + gates + numbers(shape)
    ) { inputs in
      [
        DoubleTensor(shape) { index in
          let gate = channel ? inputs[2][index[0], 0, 0, index[3]] : 1
          let place = spatial ? inputs[norm - 1][index[0], index[1], index[2], 0] : 1
          return NormalizeTests.value(activation, normal(inputs, norm, index) * gate * place + inputs[1][index])
        }
      ]
    }
    declared.fill = { input, stream in input == norm + 3 ? stream.uniform(0.5, 2) : stream.uniform(-1, 1) }
    return declared
  }

  static let squeezes = shapes.map { shape in
    var declared = OperatorCase(
      "\(shape), normalized", GatedChannelSqueeze(normalizes: true),
      inputs: [shape, [shape[0], 1, 1, shape[3]]] + numbers(shape), outputsWithGradient: [0, 2]
    ) { inputs in
      GatingTests.channelSqueeze(shape) { normal(inputs, 2, $0) * inputs[1][$0[0], 0, 0, $0[3]] }
    }
    declared.derive = { inputs in
      var stream = RandomStream(RandomKey(9))
      inputs[0] = GatingTests.distinct(shape.count, &stream)
      for input in [1, 2, 5] { for index in inputs[input].indices { inputs[input][index] = stream.uniform(0.5, 1) } }
    }
    return declared
  }

  static func numbers(_ shape: Shape) -> [Shape] { [Shape](repeating: [shape[3]], count: 4) }

  static func normal(_ inputs: [DoubleTensor], _ norm: Int, _ index: [Int]) -> Double {
    let c = index[3], scale = inputs[norm].values[c] * inputs[norm + 3].values[c]
    return (inputs[0][index] - inputs[norm + 2].values[c]) * scale + inputs[norm + 1].values[c]
  }

  static let norms = shapes.flatMap { shape in [false, true].map { norm(shape, maximum: $0) } }

  /// That of `NormalizeSqueeze`, without y and with the mean of x - mean, which is zero over a batch, not over an image.
  static func norm(_ shape: Shape, maximum: Bool) -> OperatorCase {
    let written = GatingTests.norm(shape, maximum: maximum)
    var declared = OperatorCase(
      "\(shape), maximum: \(maximum)", NormalizedSqueeze(hasMaximum: maximum), inputs: written.inputs,
      outputsWithGradient: [0, 1]
    ) { inputs in
      let (means, _) = NormalizeTests.moments(inputs[0].values, channels: shape[3], epsilon: 1e-3)
      let centered = DoubleTensor([shape[0], 1, 1, shape[3]]) { index in
        let places = shape[1] * shape[2]
        return (0..<places).reduce(0) {
          $0 + (inputs[0][index[0], $1 / shape[2], $1 % shape[2], index[3]] - means[index[3]]) / Double(places)
        }
      }
      return written.reference(inputs).dropFirst() + [centered]
    }
    if !maximum { declared.outputsWithGradient = [0] }
    declared.derive = written.derive
    return declared
  }

  @Test(arguments: residuals + squeezes + norms) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  /// What gates have left in the gradients at x, weight and bias becomes the gradient of the whole norm.
  @Test(arguments: [false, true]) func finishesWhatGatesBegan(hasMaximum: Bool) {
    let shape: Shape = [3, 5, 6, 24], channels = 24, squeezed: Shape = [3, 1, 1, 24]
    var stream = RandomStream(RandomKey(4))
    func drawn(_ count: Int) -> [Float] { (0..<count).map { _ in stream.uniform(-1, 1) } }
    let numbers = NormalizeTests.numbers(shape, &stream), dy = drawn(shape.count)
    let slopes: [[Float]?] = [drawn(squeezed.count), hasMaximum ? drawn(squeezed.count) : nil]
    let whole = SingleRun.backward(
      NormalizeSqueeze(hasMaximum: hasMaximum), numbers,
      outputGradients: [dy] + slopes + [nil])
    // dx = weight r dy with given statistics, dweight = Σ dy x̂, dbias = Σ dy.
    var begun = [dy, [Float](repeating: 0, count: channels), [Float](repeating: 0, count: channels)]
    for index in dy.indices {
      let c = index % channels, inverse = numbers[4].1[c]
      begun[0][index] = dy[index] * numbers[1].1[c] * inverse
      begun[1][c] += dy[index] * (numbers[0].1[index] - numbers[3].1[c]) * inverse
      begun[2][c] += dy[index]
    }
    let finished = SingleRun.backward(
      NormalizedSqueeze(hasMaximum: hasMaximum), numbers,
      outputGradients: slopes + [nil, nil], onto: begun)
    for input in 0..<3 {
      let size: Float = whole[input].reduce(0) { max($0, abs($1)) }
      for (found, wanted) in zip(finished[input], whole[input]) { #expect(abs(found - wanted) < 1e-5 * size) }
    }
  }

  @Test func shapesThatDoNotFit() {
    let x: Shape = [2, 4, 4, 8], gate: Shape = [2, 1, 1, 8]
    #expect(throws: ShapeError.self) { try GatedChannelSqueeze(normalizes: true).outputShapes(for: [x, gate]) }
    #expect(throws: ShapeError.self) {
      try GatedResidual(.relu, hasChannelGate: true, hasSpatialGate: false, normalizes: true)
        .outputShapes(for: [x, x, gate, [8], [8], [8], [4]])
    }
    #expect(throws: ShapeError.self) { try NormalizedSqueeze(hasMaximum: true).outputShapes(for: [x, [8], [8], [8], [4]]) }
  }
}
