import Compute
import Foundation
import Operators
import Support
import Testing

/// Binary cross-entropy with both forms of targets, smoothing and weights.
@Suite struct SigmoidCrossEntropyTests {
  static let cases = SoftmaxCrossEntropyTests.sizes.flatMap { samples, classes in
    [Float(0), 0.1].flatMap { smoothing in [false, true].map { crossEntropy(samples, classes, smoothing, soft: $0) } }
  }

  static func crossEntropy(_ samples: Int, _ classes: Int, _ smoothing: Float, soft: Bool) -> OperatorCase {
    OperatorCase(
      "[\(samples), \(classes)] smoothing \(smoothing)\(soft ? " soft" : "")",
      SigmoidCrossEntropy(labelSmoothing: smoothing),
      inputs: [[samples, classes], soft ? [samples, classes] : [samples], [samples]]
    ) { input, stream in
      switch input {
      case 0: stream.uniform(-4, 4)
      case 1: soft ? stream.uniform() : Float(stream.integer(below: classes))
      default: stream.uniform(0, 1) < 0.2 ? 0 : stream.uniform(0, 2)
      }
    } reference: { inputs in
      let e = Double(smoothing), k = Double(classes)
      var total = 0.0
      for n in 0..<samples {
        for c in 0..<classes {
          let x = inputs[0][n, c], given = soft ? inputs[1][n, c] : inputs[1][n] == Double(c) ? 1 : 0
          let target = (1 - e) * given + e / k, yes = 1 / (1 + exp(-x))
          total -= inputs[2][n] / k * (target * log(yes) + (1 - target) * log(1 - yes))
        }
      }
      return [DoubleTensor([1], [total])]
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  private func loss(_ logits: [Float], _ label: Float, weight: Float = 1, smoothing: Float = 0) -> Float {
    SingleRun.forward(
      SigmoidCrossEntropy(labelSmoothing: smoothing),
      [([1, logits.count], logits), ([1], [label]), ([1], [weight])])[0][0]
  }

  private func gradient(_ logits: [Float], _ label: Float, weight: Float = 1) -> [Float] {
    SingleRun.backward(
      SigmoidCrossEntropy(), [([1, logits.count], logits), ([1], [label]), ([1], [weight])], outputGradients: [[1]])[0]
  }

  /// timm 1.0.15: `BinaryCrossEntropy(smoothing=0.1)([[0.5, -1, 2]], [2])`.
  @Test func equalsTimm() {
    #expect(abs(loss([0.5, -1, 2], 2, smoothing: 0.1) - 0.5214222) < 1e-6)
  }

  @Test func hugeLogitsDoNotOverflow() {
    #expect(loss([1e4, -1e4], 0) == 0)
    #expect(loss([1e4, -1e4], 1) == 1e4)
    #expect(loss([0, 0], 1) == Float(log(2.0)))
    #expect(gradient([1e4, -1e4], 1) == [0.5, -0.5])
  }

  @Test func weightZeroLeavesASampleOut() {
    #expect(loss([.infinity, 1], -1, weight: 0) == 0)
    #expect(gradient([.infinity, .nan], 255, weight: 0) == [0, 0])
  }

  @Test(arguments: [-1, 3, 1e9, Float.nan]) func aClassThatDoesNotExistShows(_ label: Float) {
    #expect(loss([1, 2, 3], label).isNaN)
    #expect(gradient([1, 2, 3], label).allSatisfy { $0.isNaN })
  }
}
