import Compute
import Operators
import Support
import Testing

/// Stochastic depth: whole samples go or stay.
@Suite struct DropPathTests {
  static let cases = ([[7, 3, 5], [40, 17], [1, 4], [9], [3, 20_001]] as [Shape]).flatMap { shape in
    ([0, 0.4, 1] as [Float]).map { probability in
      OperatorCase("\(shape), \(probability)", DropPath(probability: probability), inputs: [shape]) { inputs in
        let size = shape.count / shape[0], scale = probability < 1 ? 1 / (1 - Double(probability)) : 0
        let factors = (0..<shape[0]).map { sample in
          Double(Philox.block(RandomKey(3), UInt64(sample)).x >> 9) < Double(probability) * 0x1p23 ? 0 : scale
        }
        return [DoubleTensor(shape, inputs[0].values.enumerated().map { factors[$0.offset / size] * $0.element })]
      }
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func samplesGoOrStayWhole() {
    let y = SingleRun.forward(DropPath(probability: 0.5), [([100, 3], [Float](repeating: 1, count: 300))])[0]
    let sums: [Float] = (0..<100).map { sample in y[3 * sample..<3 * sample + 3].reduce(0, +) }
    #expect(sums.allSatisfy { $0 == 0 || $0 == 6 })
    #expect((25...75).contains(sums.count { $0 == 0 }))
  }

  @Test func scalarHasNoSamples() {
    #expect(throws: ShapeError.self) { try DropPath(probability: 0.5).outputShapes(for: [[]]) }
  }
}
