import Compute
import Foundation
import Testing

/// The vector functions against the C library's in double precision.
@Suite struct LanesFunctionsTests {
  /// The largest relative error over evenly spaced arguments.
  private func worst(
    _ range: ClosedRange<Double>, of function: (Lanes) -> Lanes, from exact: (Double) -> Double
  ) -> Double {
    let samples = 160_000
    var worst = 0.0
    for start in stride(from: 0, to: samples, by: 16) {
      var arguments = Lanes()
      for lane in 0..<16 {
        let share = Double(start + lane) / Double(samples - 1)
        arguments[lane] = Float(range.lowerBound + (range.upperBound - range.lowerBound) * share)
      }
      let found = function(arguments)
      for lane in 0..<16 {
        let wanted = exact(Double(arguments[lane]))
        let error = abs(Double(found[lane]) - wanted) / max(abs(wanted), .leastNonzeroMagnitude)
        if !(error <= worst) { worst = error.isNaN ? .infinity : error }
      }
    }
    return worst
  }

  private func at(_ argument: Float, _ function: (Lanes) -> Lanes) -> Float { function(Lanes(repeating: argument))[5] }

  @Test func exponential() {
    #expect(worst(-87.3...88.7, of: \.exponential, from: exp) < 2.4e-7)
    #expect(worst(-1e-3...1e-3, of: \.exponential, from: exp) < 1.2e-7)
    #expect(at(0, \.exponential) == 1)
    #expect(at(88.8, \.exponential) == .infinity)
    #expect(at(-200, \.exponential) == 0)
    #expect(at(.infinity, \.exponential) == .infinity)
    #expect(at(-.infinity, \.exponential) == 0)
    // Below the normal numbers the result sinks gradually where the thread does not flush.
    #expect(abs(Double(at(-90, \.exponential)) - exp(-90)) < 1.5e-45)
  }

  @Test func boundedExponential() {
    #expect(worst(-87.2...87.9, of: \.boundedExponential, from: exp) < 2.4e-7)
    #expect(at(0, \.boundedExponential) == 1)
    for far: Float in [-87.4, -1e4, -1e30, -.infinity] { #expect(at(far, \.boundedExponential) == 0) }
    #expect(at(.nan, \.boundedExponential).isNaN)
  }

  @Test func normalTail() {
    #expect(worst(-3...3, of: \.normalTail.tail, from: { erfc(abs($0) / 2.0.squareRoot()) / 2 }) < 8e-7)
    #expect(worst(-12...12, of: \.normalTail.tail, from: { erfc(abs($0) / 2.0.squareRoot()) / 2 }) < 5e-6)
    #expect(worst(-4...4, of: \.normalTail.power, from: { exp(-$0 * $0 / 2) }) < 1e-6)
    #expect(abs(at(0, \.normalTail.tail) - 0.5) < 1e-7)
    #expect(at(-1e20, \.normalTail.tail) == 0 && at(.nan, \.normalTail.tail).isNaN)
  }

  @Test func logistic() {
    #expect(worst(-80...80, of: \.logistic, from: { 1 / (1 + exp(-$0)) }) < 4e-7)
    #expect(at(-.infinity, \.logistic) == 0)
    #expect(at(.infinity, \.logistic) == 1)
    #expect(at(0, \.logistic) == 0.5)
  }

  @Test func hyperbolicTangent() {
    #expect(worst(-12...12, of: \.hyperbolicTangent, from: tanh) < 6e-7)
    #expect(worst(-0.5...0.5, of: \.hyperbolicTangent, from: tanh) < 6e-7)
    #expect(at(1e-30, \.hyperbolicTangent) == 1e-30)
    #expect(at(.infinity, \.hyperbolicTangent) == 1)
    #expect(at(-.infinity, \.hyperbolicTangent) == -1)
    #expect(at(-1e30, \.hyperbolicTangent) == -1)
  }

  @Test func errorFunction() {
    #expect(worst(-6...6, of: \.errorFunction, from: erf) < 5e-7)
    #expect(worst(-1e-3...1e-3, of: \.errorFunction, from: erf) < 3e-7)
    #expect(at(.infinity, \.errorFunction) == 1)
    #expect(at(-.infinity, \.errorFunction) == -1)
    #expect(at(-1e30, \.errorFunction) == -1)
  }

  @Test func errorFunctionComplement() {
    #expect(worst(-6...0, of: \.errorFunctionComplement, from: erfc) < 4e-7)
    // x² loses up to 2^-24 of its 81 before it is exponentiated.
    #expect(worst(0...9, of: \.errorFunctionComplement, from: erfc) < 1e-5)
    #expect(at(.infinity, \.errorFunctionComplement) == 0)
    #expect(at(-.infinity, \.errorFunctionComplement) == 2)
  }

  @Test func notANumberPassesThrough() {
    let functions: [(Lanes) -> Lanes] = [
      \.exponential, \.logistic, \.hyperbolicTangent, \.errorFunction, \.errorFunctionComplement, { $0.limited(0, 6) },
    ]
    for function in functions {
      var argument = Lanes(repeating: 1)
      argument[3] = .nan
      let found = function(argument)
      #expect(found[3].isNaN)
      #expect(!found[2].isNaN)
    }
  }

  @Test func reductionsOfLanes() {
    for largest in 0..<16 {
      var lanes = Lanes()
      for lane in 0..<16 { lanes[lane] = -Float(lane) - 20 }
      lanes[largest] = -3
      #expect(lanes.largest == -3)
    }
    for count in [0, 1, 15, 16, 17, 100] {
      let values = (0..<count).map(Float.init)
      #expect(sum(values, count: count) == Float(count * max(count - 1, 0) / 2))
    }
  }
}
