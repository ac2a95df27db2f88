import Compute
import Operators
import Support
import Testing

/// Dropout against single draws of the generator.
@Suite struct DropoutTests {
  /// Whether element `index` is dropped, from its own block and word.
  static func isDropped(_ index: Int, _ probability: Float) -> Bool {
    let block = Philox.block(RandomKey(3), UInt64(index / 64 * 16 + index % 16))
    return Double(block[index / 16 % 4] >> 9) < Double(probability) * 0x1p23
  }

  static let cases = ([[3, 6_001], [1, 5], [2, 3, 4, 5], [64], [100]] as [Shape]).flatMap { shape in
    ([0, 0.1, 0.5, 1] as [Float]).map { probability in
      OperatorCase("\(shape), \(probability)", Dropout(probability: probability), inputs: [shape]) { inputs in
        let scale = probability < 1 ? 1 / (1 - Double(probability)) : 0
        return [
          DoubleTensor(
            shape,
            inputs[0].values.enumerated().map { isDropped($0.offset, probability) ? 0 : $0.element * scale })
        ]
      }
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func dropsItsShareAndKeepsTheMean() {
    let count = 200_000
    let y = SingleRun.forward(Dropout(probability: 0.3), [([count], [Float](repeating: 1, count: count))])[0]
    let dropped = Double(y.count { $0 == 0 }) / Double(count)
    // Five standard deviations.
    #expect(abs(dropped - 0.3) < 0.0052)
    #expect(y.allSatisfy { $0 == 0 || $0 == 1 / (1 - Float(0.3)) })
  }
}
