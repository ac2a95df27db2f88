import Compute
import Foundation
import Operators
import Support
import Testing

/// Cross-entropy with both forms of targets, smoothing and weights.
@Suite struct SoftmaxCrossEntropyTests {
  static let sizes = [(1, 2), (5, 3), (4, 16), (7, 21), (20, 1000), (9000, 2)]

  static let cases = sizes.flatMap { samples, classes in
    [Float(0), 0.1].flatMap { smoothing in [false, true].map { crossEntropy(samples, classes, smoothing, soft: $0) } }
  }

  static func crossEntropy(_ samples: Int, _ classes: Int, _ smoothing: Float, soft: Bool) -> OperatorCase {
    OperatorCase(
      "[\(samples), \(classes)] smoothing \(smoothing)\(soft ? " soft" : "")",
      SoftmaxCrossEntropy(labelSmoothing: smoothing),
      inputs: [[samples, classes], soft ? [samples, classes] : [samples], [samples]]
    ) { input, stream in
      switch input {
      case 0: stream.uniform(-4, 4)
      case 1: soft ? stream.uniform() * 2 / Float(classes) : Float(stream.integer(below: classes))
      default: stream.uniform(0, 1) < 0.2 ? 0 : stream.uniform(0, 2)
      }
    } reference: { inputs in
      let e = Double(smoothing)
      var total = 0.0
      for n in 0..<samples {
        let sum = (0..<classes).reduce(0.0) { $0 + exp(inputs[0][n, $1]) }
        for k in 0..<classes {
          let target = soft ? inputs[1][n, k] : inputs[1][n] == Double(k) ? 1 : 0
          total += inputs[2][n] * ((1 - e) * target + e / Double(classes)) * (log(sum) - inputs[0][n, k])
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
      SoftmaxCrossEntropy(labelSmoothing: smoothing),
      [([1, logits.count], logits), ([1], [label]), ([1], [weight])])[0][0]
  }

  private func gradient(_ logits: [Float], _ label: Float, weight: Float = 1) -> [Float] {
    SingleRun.backward(
      SoftmaxCrossEntropy(), [([1, logits.count], logits), ([1], [label]), ([1], [weight])], outputGradients: [[1]])[0]
  }

  @Test func hugeLogitsDoNotOverflow() {
    #expect(loss([1e4, -1e4, 0], 0) == 0)
    #expect(loss([1e4, -1e4, 0], 1) == 2e4)
    #expect(loss([1e30, 1e30], 1) == Float(log(2.0)))
    #expect(gradient([1e4, -1e4, 0], 1) == [1, -1, 0])
  }

  /// The loss of a sure and right answer is e^-20, not what is left of 1 - (1 - e^-20).
  @Test func smallLossesAreNotNegative() {
    #expect(loss([20, 0], 0) >= 0)
    #expect(loss([0, 0, 0, 0], 2) == Float(log(4.0)))
  }

  @Test func weightZeroLeavesASampleOut() {
    #expect(loss([.infinity, 1], -1, weight: 0) == 0)
    #expect(loss([1, 2], 255, weight: 0) == 0)
    #expect(gradient([.infinity, .nan], 255, weight: 0) == [0, 0])
  }

  @Test(arguments: [-1, 3, 1e9, Float.nan]) func aClassThatDoesNotExistShows(_ label: Float) {
    #expect(loss([1, 2, 3], label).isNaN)
    #expect(gradient([1, 2, 3], label).allSatisfy { $0.isNaN })
  }

  @Test func shapesThatDoNotFit() {
    let subject = SoftmaxCrossEntropy()
    let targets = #expect(throws: ShapeError.self) { try subject.outputShapes(for: [[8, 10], [10], [8]]) }
    #expect(
      targets?.description == "cannot softmax_cross_entropy logits [8, 10] and targets [10]: wanted [8] or [8, 10]")
    let weights = #expect(throws: ShapeError.self) { try subject.outputShapes(for: [[8, 10], [8], [1]]) }
    #expect(weights?.description == "cannot softmax_cross_entropy logits [8, 10] and weights [1]: wanted [8]")
    #expect(throws: ShapeError.self) { try subject.outputShapes(for: [[8, 7, 10], [8], [8]]) }
  }
}
