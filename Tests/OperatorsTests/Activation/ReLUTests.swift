import Operators
import Support
import Testing

@Suite struct ReLUTests {
  static let cases = [
    OperatorCase("several tiles and a rest", ReLU(), inputs: [[3, 40_001]]) { [$0[0].map { max($0, 0) }] },
    OperatorCase("fewer than sixteen", ReLU(), inputs: [[1, 5]]) { [$0[0].map { max($0, 0) }] },
  ]

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }
}
