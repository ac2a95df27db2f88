import Compute
import Glibc
import Operators
import Support
import Testing

/// Scale, Square, SquareRoot, Exponential and Logarithm.
@Suite struct ElementArithmeticTests {
  static let positive: @Sendable (Int, inout RandomStream) -> Float = { _, stream in stream.uniform(0.1, 4) }

  static let cases = ([[1, 5], [3, 6_001]] as [Shape]).flatMap { shape in
    [
      OperatorCase("\(shape)", Scale(by: -1.5, plus: 0.25), inputs: [shape]) { [$0[0].map { -1.5 * $0 + 0.25 }] },
      OperatorCase("\(shape)", Square(), inputs: [shape]) { [$0[0].map { $0 * $0 }] },
      OperatorCase("\(shape)", SquareRoot(), inputs: [shape], fill: positive) { [$0[0].map { $0.squareRoot() }] },
      OperatorCase("\(shape)", Exponential(), inputs: [shape]) { [$0[0].map { exp($0) }] },
      OperatorCase("\(shape)", Logarithm(), inputs: [shape], fill: positive) { [$0[0].map { log($0) }] },
    ]
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func logarithmAtTheEndsOfTheRange() {
    let arguments: [Float] = [1.2e-38, 1e-20, 0.5, 0.99999, 1, 1.00001, 1.41421, 3, 1e20, 3.4e38]
    let run = DirectRun(Logarithm(), [([10], arguments)])
    for (x, y) in zip(arguments, run.outputs[0]) {
      #expect(abs(Double(y) - log(Double(x))) <= 2e-7 * abs(log(Double(x))))
    }
    let odd = DirectRun(Logarithm(), [([4], [0, -1, .infinity, .nan])]).outputs[0]
    #expect(odd[0] == -.infinity && odd[1].isNaN && odd[2] == .infinity && odd[3].isNaN)
  }
}
