import Compute
import Foundation
import Operators
import Support
import Testing

/// Attention against the formula, head by head in double precision.
@Suite struct ScaledDotProductAttentionTests {
  /// The twin: all scores of a head at once.
  static func reference(_ subject: ScaledDotProductAttention, _ inputs: [DoubleTensor]) -> [DoubleTensor] {
    let shapes = try! subject.outputShapes(for: inputs.map(\.shape)), heads = subject.heads
    let batch = shapes[1][0], queries = shapes[1][2], channels = inputs[0].shape.channels
    let q: (DoubleTensor, Int), k: (DoubleTensor, Int), v: (DoubleTensor, Int), width: Int
    switch subject.operands {
    case .separate: (q, k, v, width) = ((inputs[0], 0), (inputs[1], 0), (inputs[2], 0), channels / heads)
    case .keysWithValues:
      (q, k, v, width) = ((inputs[0], 0), (inputs[1], 0), (inputs[1], channels), channels / heads)
    case .packed:
      (q, k, v) = ((inputs[0], 0), (inputs[0], channels / 3), (inputs[0], channels / 3 * 2))
      width = channels / 3 / heads
    }
    let keys = k.0.shape[1], valueWidth = shapes[0].channels / heads
    let scale = subject.scale.map(Double.init) ?? 1 / Double(width).squareRoot()
    let bias = inputs.count > subject.operands.count ? inputs.last : nil
    func start(_ operand: (DoubleTensor, Int), _ n: Int, _ token: Int, _ channel: Int) -> Int {
      (n * operand.0.shape[1] + token) * operand.0.shape.channels + operand.1 + channel
    }
    var y = DoubleTensor(shapes[0]), logarithms = DoubleTensor(shapes[1])
    for n in 0..<batch {
      for h in 0..<heads {
        for i in 0..<queries {
          let row = start(q, n, i, h * width)
          var scores = (0..<keys).map { j -> Double in
            if subject.isCausal && j > i { return -.infinity }
            let column = start(k, n, j, h * width)
            var product = 0.0
            for d in 0..<width { product += q.0.values[row + d] * k.0.values[column + d] }
            return product * scale
          }
          if let bias {
            let matrix = (bias.shape[0] == 1 ? 0 : n) * bias.shape[1] + (bias.shape[1] == 1 ? 0 : h)
            for j in 0..<keys { scores[j] += bias.values[(matrix * queries + i) * keys + j] }
          }
          let largest = scores.max()!
          let powers = scores.map { largest == -.infinity ? 0 : exp($0 - largest) }, sum = powers.reduce(0, +)
          logarithms.values[(n * heads + h) * queries + i] = sum == 0 ? .infinity : largest + log(sum)
          for j in 0..<keys where powers[j] > 0 {
            for e in 0..<valueWidth {
              y.values[((n * queries + i) * heads + h) * valueWidth + e] +=
                powers[j] / sum * v.0.values[start(v, n, j, h * valueWidth) + e]
            }
          }
        }
      }
    }
    return [y, logarithms]
  }

  static func declare(
    _ label: String, _ subject: ScaledDotProductAttention, tiles: (queries: Int, keys: Int)? = nil, _ inputs: [Shape]
  ) -> OperatorCase {
    var subject = subject
    if let tiles { subject.tileLimits = tiles }
    return OperatorCase(label, subject, inputs: inputs, outputsWithGradient: [0]) { [subject] in
      reference(subject, $0)
    }
  }

  static let cases = [
    declare("one head", .init(heads: 1), [[2, 5, 3], [2, 5, 3], [2, 5, 3]]),
    declare("other numbers of keys and of value channels", .init(heads: 2), [[2, 7, 8], [2, 20, 8], [2, 20, 6]]),
    declare("packed", .init(heads: 3, operands: .packed), [[2, 18, 36]]),
    declare(
      "keys with values, given scale", .init(heads: 2, scale: 1.5, operands: .keysWithValues), [[3, 9, 8], [3, 17, 16]]),
    declare("tiles", .init(heads: 2), tiles: (8, 16), [[1, 21, 8], [1, 50, 8], [1, 50, 34]]),
    declare("packed in tiles", .init(heads: 2, operands: .packed), tiles: (5, 7), [[2, 19, 24]]),
    declare("causal", .init(heads: 1, isCausal: true), tiles: (6, 4), [[2, 20, 4], [2, 20, 4], [2, 20, 4]]),
    declare(
      "causal, fewer queries", .init(heads: 1, isCausal: true), tiles: (4, 8), [[1, 9, 4], [1, 30, 4], [1, 30, 4]]),
    declare("causal, fewer keys", .init(heads: 1, isCausal: true), [[1, 30, 4], [1, 9, 4], [1, 9, 4]]),
    declare("bias of each head", .init(heads: 2), tiles: (8, 16), [[3, 10, 4], [3, 34, 4], [3, 34, 4], [1, 2, 10, 34]]),
    declare("bias of each sample", .init(heads: 2), [[3, 6, 4], [3, 5, 4], [3, 5, 4], [3, 1, 6, 5]]),
    declare("bias of all", .init(heads: 2), tiles: (8, 16), [[2, 10, 4], [2, 34, 4], [2, 34, 4], [1, 1, 10, 34]]),
    declare("bias of each sample and head", .init(heads: 2, operands: .packed), [[2, 6, 12], [2, 2, 6, 6]]),
    declare(
      "causal with bias", .init(heads: 2, operands: .packed, isCausal: true), tiles: (8, 8),
      [[2, 20, 12], [1, 2, 20, 20]]),
    declare("mask", .init(heads: 4, operands: .packed, learnsBias: false), [[2, 6, 24], [1, 1, 6, 6]]),
    declare("heads of 48 and 80 channels", .init(heads: 2), tiles: (13, 40), [[1, 20, 96], [1, 75, 96], [1, 75, 160]]),
    declare("heads of 16 channels, packed", .init(heads: 2, operands: .packed), [[2, 117, 96]]),
    declare(
      "heads of 64 channels, causal", .init(heads: 1, isCausal: true), tiles: (9, 16),
      [[1, 40, 64], [1, 40, 64], [1, 40, 64]]),
    declare("vectors for keys only", .init(heads: 1), [[1, 7, 16], [1, 110, 16], [1, 110, 5]]),
    declare("tiles as they come", .init(heads: 1), [[1, 258, 2], [1, 514, 2], [1, 514, 3]]),
  ]

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  /// Scores of ±1e6 and keys hidden by -infinity, over several blocks of keys.
  @Test func hugeScoresAndHiddenKeys() {
    var subject = ScaledDotProductAttention(heads: 1, scale: 1, learnsBias: false)
    subject.tileLimits = (2, 2)
    let inputs: [(Shape, [Float])] = [
      ([1, 3, 1], [1000, -1000, 1]), ([1, 5, 1], [-1000, 500, 1000, 999, 5000]), ([1, 5, 1], [1, 2, 3, 5, 7]),
      ([1, 1, 3, 5], (0..<15).map { $0 % 5 == 4 || $0 >= 10 ? -.infinity : 0 }),
    ]
    let outputs = SingleRun.forward(subject, inputs)
    #expect(outputs[0] == [3, 1, 0], "the largest visible score takes all; of no key the result is zero")
    #expect(outputs[1] == [1e6, 1e6, .infinity])
    let gradients = SingleRun.backward(subject, inputs, outputGradients: [[1, 1, 1], nil])
    #expect(gradients == [[0, 0, 0], [0, 0, 0, 0, 0], [1, 0, 1, 0, 0], []])
  }

  @Test func shapesThatDoNotFit() {
    func sentence(_ subject: ScaledDotProductAttention, _ inputs: [Shape]) -> String? {
      #expect(throws: ShapeError.self) { try subject.outputShapes(for: inputs) }?.description
    }
    #expect(
      sentence(.init(heads: 3), [[2, 4, 8], [2, 4, 8], [2, 4, 8]])
        == "cannot attend with 3 heads over [2, 4, 8] and [2, 4, 8] and [2, 4, 8]: 3 heads do not divide 8 channels")
    #expect(
      sentence(.init(heads: 2), [[2, 4, 8], [2, 5, 8], [2, 6, 8]])
        == "cannot attend with 2 heads over [2, 4, 8] and [2, 5, 8] and [2, 6, 8]: as many values as keys are wanted")
    #expect(
      sentence(.init(heads: 2, operands: .keysWithValues), [[2, 4, 8], [2, 5, 8]])
        == "cannot attend with 2 heads over [2, 4, 8] and [2, 5, 8]: keys want 16 channels")
    #expect(
      sentence(.init(heads: 2, operands: .packed), [[2, 4, 4, 12]])
        == "cannot attend with 2 heads over [2, 4, 4, 12]: wanted [N, L, C] each, of one N")
    #expect(
      sentence(.init(heads: 2, operands: .packed), [[2, 4, 12], [1, 2, 4, 5]])
        == "cannot attend with a bias of shape [1, 2, 4, 5]: wanted [1 or 2, 1 or 2, 4, 4]")
  }
}
