import Compute
import Operators
import Support
import Testing

/// A replica that is alone has the batch norm that it had; that several are one is `TheoremTests`' affair.
@Suite struct SynchronizedBatchNormTests {
  static let cases = BatchNormTests.shapes.map { shape in
    let plain = BatchNormTests.batchNorm("\(shape)", shape)
    return OperatorCase(
      "\(shape)", SynchronizedBatchNorm(epsilon: 1e-3, over: nil), inputs: plain.inputs, outputsWithGradient: [0]
    ) { inputs in
      var count = DoubleTensor([1])
      count.values[0] = Double(shape.count / shape.channels)
      return plain.reference(inputs) + [count]
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  /// Two replicas that hold the halves of a batch, and hand each other's sums over.
  private final class Fixed: ReplicaSums, @unchecked Sendable {
    let others: [Double]
    init(others: [Double]) { self.others = others }
    func sum(_ values: UnsafeMutableBufferPointer<Double>) {
      for index in values.indices { values[index] += others[index] }
    }
  }

  @Test func statisticsAreThoseOfAllReplicas() {
    // This replica has 1, 3; the other 5, 7, 9, 11: sums 32, squares 276, six values.
    let replicas = Fixed(others: [32, 276, 4])
    let one: Shape = [1]
    let outputs = DirectRun(
      SynchronizedBatchNorm(epsilon: 0, momentum: 1, over: replicas),
      [([2, 1], [1, 3]), (one, [1]), (one, [0]), (one, [0]), (one, [0])]
    ).outputs
    #expect(outputs[1] == [6] && outputs[5] == [6])
    let variance: Float = 286 / 6 - 36
    #expect(abs(outputs[2][0] - 1 / variance.squareRoot()) < 1e-6)
    #expect(abs(outputs[4][0] - variance * 6 / 5) < 1e-4, "the running variance is unbiased over all replicas")
    #expect(abs(outputs[0][0] - (1 - 6) / variance.squareRoot()) < 1e-6)
  }
}
