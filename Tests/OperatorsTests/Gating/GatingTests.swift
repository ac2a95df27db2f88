import Compute
import Operators
import Support
import Testing

/// The fused passes of attention gates against the operators that they stand for, written out in double.
@Suite struct GatingTests {
  /// Less than a vector of channels, vectors and a rest, several tiles an image, one place.
  static let shapes: [Shape] = [[2, 5, 7, 3], [3, 4, 5, 24], [2, 9, 130, 16], [1, 33, 33, 64], [5, 1, 1, 20]]

  static let residuals = shapes.flatMap { shape in
    [(true, false), (false, true), (true, true)].map { residual(shape, .relu, channel: $0, spatial: $1) }
  } + [
    residual([2, 3, 5, 24], .identity, channel: true, spatial: true),
    residual([2, 3, 5, 24], .relu6, channel: true, spatial: false),
    residual([2, 3, 5, 24], .relu, channel: true, spatial: true, adds: true),
    // Without a kink: a step of a sum of gates moves a thousand places across one at once.
  ] + shapes.map { residual($0, .identity, channel: true, spatial: true, adds: true) }

  static func residual(
    _ shape: Shape, _ activation: Clamp, channel: Bool, spatial: Bool, adds: Bool = false
  ) -> OperatorCase {
    let gates: [Shape] =
      (channel ? [[shape[0], 1, 1, shape[3]]] : []) + (spatial ? [[shape[0], shape[1], shape[2], 1]] : [])
    return OperatorCase(
      "\(activation) \(shape) \(gates)\(adds ? ", added" : "")",
      GatedResidual(activation, hasChannelGate: channel, hasSpatialGate: spatial, addsGates: adds),
      inputs: [shape, shape] + gates
    ) { inputs in
      [
        DoubleTensor(shape) { index in
          let gate = channel ? inputs[2][index[0], 0, 0, index[3]] : 1
          let place = spatial ? inputs[channel ? 3 : 2][index[0], index[1], index[2], 0] : 1
          let sum = inputs[0][index] * (adds ? gate + place : gate * place) + inputs[1][index]
          return activation == .identity ? sum : min(max(sum, 0), activation == .relu6 ? 6 : .infinity)
        }
      ]
    }
  }

  static let shifts = shapes.map { shifted($0, .identity) } + [
    shifted([3, 4, 5, 24], .relu), shifted([2, 3, 5, 16], .relu6), shifted([5, 1, 1, 20], .relu),
  ]

  static func shifted(_ shape: Shape, _ activation: Clamp) -> OperatorCase {
    OperatorCase(
      "\(activation) \(shape)", ShiftedResidual(activation), inputs: [shape, shape, [shape[0], 1, 1, shape[3]]]
    ) { inputs in
      [
        DoubleTensor(shape) { index in
          let sum = inputs[0][index] + inputs[2][index[0], 0, 0, index[3]] + inputs[1][index]
          return activation == .identity ? sum : min(max(sum, 0), activation == .relu6 ? 6 : .infinity)
        }
      ]
    }
  }

  /// Values on a grid without ties: the maximum jumps where two meet, and differences across a jump mean nothing.
  static let squeezes = shapes.map { shape in
    var declared = OperatorCase(
      "\(shape)", GatedChannelSqueeze(), inputs: [shape, [shape[0], 1, 1, shape[3]]], outputsWithGradient: [0, 2]
    ) { inputs in
      channelSqueeze(shape) { inputs[0][$0] * inputs[1][$0[0], 0, 0, $0[3]] }
    }
    declared.derive = { inputs in
      var stream = RandomStream(RandomKey(9))
      inputs[0] = distinct(shape.count, &stream)
      for index in inputs[1].indices { inputs[1][index] = stream.uniform(0.2, 1) }
    }
    return declared
  }

  /// Maximum, its first channel and mean over the channels of what `gated` gives at an index of `shape`.
  static func channelSqueeze(_ shape: Shape, _ gated: ([Int]) -> Double) -> [DoubleTensor] {
    let map: Shape = [shape[0], shape[1], shape[2], 1]
    func channels(_ index: [Int]) -> [Double] { (0..<shape[3]).map { gated([index[0], index[1], index[2], $0]) } }
    return [
      DoubleTensor(map) { channels($0).max()! },
      DoubleTensor(map) { index in Double(channels(index).firstIndex(of: channels(index).max()!)!) },
      DoubleTensor(map) { channels($0).reduce(0, +) / Double(shape[3]) },
    ]
  }

  static let norms = shapes.flatMap { shape in [false, true].map { norm(shape, maximum: $0) } }

  static func norm(_ shape: Shape, maximum: Bool) -> OperatorCase {
    let channels = shape[3], squeezed: Shape = [shape[0], 1, 1, channels]
    var declared = OperatorCase(
      "\(shape), maximum: \(maximum)", NormalizeSqueeze(hasMaximum: maximum),
      inputs: [shape, [channels], [channels], [channels], [channels]], outputsWithGradient: [0, 1, 2]
    ) { inputs in
      let (means, inverses) = NormalizeTests.moments(inputs[0].values, channels: channels, epsilon: 1e-3)
      let y = DoubleTensor(shape) { index in
        let c = index[3]
        return (inputs[0][index] - means[c]) * inverses[c] * inputs[1].values[c] + inputs[2].values[c]
      }
      func places(_ index: [Int]) -> [Double] {
        (0..<shape[1] * shape[2]).map { y[index[0], $0 / shape[2], $0 % shape[2], index[3]] }
      }
      let mean = DoubleTensor(squeezed) { index in places(index).reduce(0, +) / Double(shape[1] * shape[2]) }
      guard maximum else { return [y, mean] }
      return [
        y, mean, DoubleTensor(squeezed) { places($0).max()! },
        DoubleTensor(squeezed) { index in Double(places(index).firstIndex(of: places(index).max()!)!) },
      ]
    }
    declared.derive = { inputs in
      var stream = RandomStream(RandomKey(9))
      inputs[0] = distinct(shape.count, &stream)
      for index in inputs[1].indices { inputs[1][index] = stream.uniform(0.5, 1) }
      let (means, inverses) = NormalizeTests.moments(inputs[0].map(Double.init), channels: channels, epsilon: 1e-3)
      inputs[3] = means.map(Float.init)
      inputs[4] = inverses.map(Float.init)
    }
    return declared
  }

  /// `count` different numbers in -1...1, in random order.
  static func distinct(_ count: Int, _ stream: inout RandomStream) -> [Float] {
    (0..<count).map { 2 * Float($0) / Float(count) - 1 }.shuffled(using: &stream)
  }

  @Test(arguments: residuals + shifts + squeezes + norms) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func shapesThatDoNotFit() {
    #expect(throws: ShapeError.self) {
      try ShiftedResidual(.relu).outputShapes(for: [[2, 4, 4, 8], [2, 4, 4, 8], [2, 4, 4, 1]])
    }
    #expect(throws: ShapeError.self) {
      try GatedResidual(.relu, hasChannelGate: true, hasSpatialGate: false)
        .outputShapes(for: [[2, 4, 4, 8], [2, 4, 4, 8], [2, 1, 1, 4]])
    }
    #expect(throws: ShapeError.self) { try GatedChannelSqueeze().outputShapes(for: [[2, 4, 4, 8], [2, 4, 4, 1]]) }
    #expect(throws: ShapeError.self) {
      try NormalizeSqueeze(hasMaximum: true).outputShapes(for: [[37, 8], [8], [8], [8], [8]])
    }
  }
}
