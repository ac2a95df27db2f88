import Compute
import Testing

@Suite struct BFloat16Tests {
  private func round(_ value: Float) -> Float {
    var bits: UInt16 = 0, lost: Float = 0, rounded: Float = 0
    BFloat16.split([value], into: &bits, lost: &lost, count: 1)
    BFloat16.widen(&bits, into: &rounded, count: 1)
    return rounded
  }

  @Test func roundsToTheNearestTiesToEven() {
    // Near one neighbours are 2^-7 apart.
    #expect(round(1) == 1 && round(-3.5) == -3.5 && round(0) == 0)
    #expect(round(1 + 0x1p-9) == 1)
    #expect(round(1 + 0x1.8p-8) == 1 + 0x1p-7)
    #expect(round(1 + 0x1p-8) == 1, "a tie goes to the even significand")
    #expect(round(1 + 0x3p-8) == 1 + 0x1p-6, "also upwards")
    #expect(round(.greatestFiniteMagnitude) == .infinity)
    #expect(round(.infinity) == .infinity && round(-.infinity) == -.infinity)
    #expect(round(.nan).isNaN && round(Float(bitPattern: 0x7F80_0001)).isNaN && round(Float(bitPattern: 0xFFFF_FFFF)).isNaN)
    #expect(round(-0.0).sign == .minus)
  }

  @Test func splittingLosesNothing() {
    let values = (0..<1001).map { (index: Int) -> Float in
      let scale: Float = index % 3 == 0 ? 1e-6 : 1
      return Float(index * index % 977 - 488) * 0.0137 * scale
    }
    var errors = values, rounded = values
    var bits = [UInt16](repeating: 0, count: values.count)
    BFloat16.split(values, into: &bits, lost: &errors, count: values.count)
    BFloat16.widen(bits, into: &rounded, count: values.count)
    for index in values.indices {
      #expect(rounded[index] + errors[index] == values[index])
      #expect(errors[index].magnitude <= BFloat16.relativeError * values[index].magnitude)
    }
    var sums = values
    BFloat16.add(bits, to: &sums, count: values.count)
    #expect(zip(sums, zip(values, rounded)).allSatisfy { $0 == $1.0 + $1.1 })
  }
  /// What was lost before is taken in: the same as adding it first.
  @Test func whatWasLostIsTakenIn() {
    let values = (0..<1001).map { Float($0 * $0 % 977 - 488) * 0.0137 }
    let owed = values.map { $0 * 0x1p-9 }, sums = zip(values, owed).map(+)
    var wanted = [UInt16](repeating: 0, count: values.count), bits = wanted
    var wantedErrors = owed, errors = owed
    BFloat16.split(sums, into: &wanted, lost: &wantedErrors, count: values.count)
    BFloat16.split(values, and: &errors, into: &bits, count: values.count)
    #expect(bits == wanted && errors == wantedErrors && errors != owed)
    var wantedTotals = sums, totals = values
    BFloat16.add(bits, to: &wantedTotals, count: values.count)
    BFloat16.add(bits, and: owed, to: &totals, count: values.count)
    #expect(totals == wantedTotals && totals != values)
  }
}
