import Compute
import Foundation
import Operators
import Support
import Testing

/// Every activation against its formula in double precision, its gradient by differences, and its extremes.
@Suite struct ElementFunctionTests {
  struct Function: Sendable {
    let subject: any Operator
    /// Arguments are drawn from here; kinks are a set of measure zero.
    let range: ClosedRange<Float>
    let exact: @Sendable (Double) -> Double

    init(_ subject: any Operator, _ range: ClosedRange<Float>, _ exact: @escaping @Sendable (Double) -> Double) {
      (self.subject, self.range, self.exact) = (subject, range, exact)
    }
  }

  static let functions = [
    Function(ReLU(), -1...1) { max($0, 0) },
    Function(ReLU6(), -4...10) { min(max($0, 0), 6) },
    Function(Sigmoid(), -8...8) { 1 / (1 + exp(-$0)) },
    Function(HardSigmoid(), -5...5) { min(max($0 + 3, 0), 6) / 6 },
    Function(HardSwish(), -5...5) { $0 * min(max($0 + 3, 0), 6) / 6 },
    Function(SiLU(), -8...8) { $0 / (1 + exp(-$0)) },
    Function(Tanh(), -4...4) { tanh($0) },
    Function(InverseDeviation(epsilon: 0.125), 0...4) { 1 / ($0 + 0.125).squareRoot() },
    Function(GELU(), -5...5) { $0 * erfc(-$0 / 2.0.squareRoot()) / 2 },
    Function(GELU(approximation: .tanh), -5...5) {
      $0 / 2 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
    },
  ]

  static let cases = functions.flatMap { function in
    [[3, 40_001], [1, 5], [2, 3, 4, 16]].map { (shape: Shape) in
      OperatorCase("\(shape) in \(function.range)", function.subject, inputs: [shape]) { _, stream in
        stream.uniform(function.range.lowerBound, function.range.upperBound)
      } reference: { inputs in
        [inputs[0].map(function.exact)]
      }
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  /// The value and the derivative at one argument.
  private func at(_ x: Float, _ function: some ElementFunction) -> (value: Float, derivative: Float) {
    let value = function.value(Lanes(repeating: x))
    let argument = type(of: function).derivativeReads == .input ? Lanes(repeating: x) : value
    return (value[7], function.gradient(Lanes(repeating: 1), at: argument)[7])
  }

  @Test func kinksHaveTheDerivativeZeroOutside() {
    #expect(at(0, ReLU()) == (0, 0))
    #expect(at(0, ReLU6()) == (0, 0))
    #expect(at(6, ReLU6()) == (6, 0))
    #expect(at(-3, HardSigmoid()) == (0, 0))
    #expect(at(3, HardSigmoid()) == (1, 0))
    #expect(at(-3, HardSwish()) == (0, 0))
    #expect(at(3, HardSwish()) == (3, 1))
  }

  @Test func farOutNothingOverflows() {
    for far: Float in [100, 1e4, 1e30] {
      #expect(at(far, Sigmoid()) == (1, 0))
      #expect(at(-far, Sigmoid()).derivative == 0)
      #expect(at(far, Tanh()) == (1, 0))
      #expect(at(-far, Tanh()) == (-1, 0))
    }
    for far: Float in [100, 1e4] {
      for function: any ElementFunction in [SiLU(), GELU(), GELU(approximation: .tanh)] {
        #expect(at(far, function) == (far, 1))
        let (value, derivative) = at(-far, function)
        #expect(abs(value) < 1e-35 && abs(derivative) < 1e-35)
      }
    }
  }

  /// In the left tail, x Φ(x) by way of 1 + erf would be rounding errors only.
  @Test func geluKeepsItsTail() {
    for x in stride(from: -6.0, through: -3.0, by: 0.25) {
      let wanted = x * erfc(-x / 2.0.squareRoot()) / 2
      #expect(abs(Double(at(Float(x), GELU()).value) / wanted - 1) < 1e-5)
    }
  }

  @Test func notANumberShows() {
    let functions: [any ElementFunction] = [
      ReLU(), ReLU6(), Sigmoid(), HardSigmoid(), HardSwish(), SiLU(), Tanh(), GELU(), GELU(approximation: .tanh),
    ]
    for function in functions { #expect(function.value(Lanes(repeating: .nan))[0].isNaN, "\(function.name)") }
  }
}
