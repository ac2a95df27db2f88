import Compute
import Testing

/// The generator against published vectors, and what the streams promise.
@Suite struct RandomStreamTests {
  struct KnownAnswer: Sendable {
    let key: UInt64
    let counter, block: SIMD4<UInt32>
  }

  /// From the Random123 distribution, philox4x32-10.
  static let knownAnswers = [
    KnownAnswer(
      key: 0, counter: SIMD4(repeating: 0), block: SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)),
    KnownAnswer(
      key: .max, counter: SIMD4(repeating: .max), block: SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)),
    KnownAnswer(
      key: 0x299f_31d0_a409_3822, counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
      block: SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)),
  ]

  @Test(arguments: knownAnswers) func philox(_ known: KnownAnswer) {
    let counter = known.counter
    #expect(Philox.block(key: known.key, counter: (counter.x, counter.y, counter.z, counter.w)) == known.block)
  }

  @Test func blocksAreCountedInBothHalves() {
    let key = RandomKey(1)
    #expect(Philox.block(key, 5) == Philox.block(key: key.bits, counter: (5, 0, 0, 0)))
    #expect(Philox.block(key, 6 << 32 + 5) == Philox.block(key: key.bits, counter: (5, 6, 0, 0)))
  }

  @Test func streamGivesTheBlocksInOrder() {
    let key = RandomKey(42)
    var stream = RandomStream(key)
    for block in 0..<3 {
      for word in 0..<4 { #expect(stream.word() == Philox.block(key, UInt64(block))[word]) }
    }
  }

  @Test func branchesDiffer() {
    let root = RandomKey(7)
    var keys = [root.bits, root.appending(1).appending(2).bits, root.appending(2).appending(1).bits]
    keys += (0..<1000).map { root.appending($0).bits }
    keys += (0..<1000).map { root.appending("layer\($0)").bits }
    #expect(Set(keys).count == keys.count)
    #expect(root.appending("conv1") == RandomKey(7).appending("conv1"))
  }

  @Test func uniformStaysBelowOneAndHasItsMoments() {
    var stream = RandomStream(RandomKey(1))
    let draws = (0..<200_000).map { _ in Double(stream.uniform()) }
    #expect(draws.allSatisfy { $0 >= 0 && $0 < 1 })
    // Five standard deviations of a mean of 200,000.
    #expect(abs(draws.reduce(0, +) / 200_000 - 0.5) < 0.0033)
    #expect(abs(draws.reduce(0) { $0 + $1 * $1 } / 200_000 - 1.0 / 3) < 0.0034)
  }

  @Test func integersCoverTheirRangeEvenly() {
    var stream = RandomStream(RandomKey(2))
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[stream.integer(below: 7)] += 1 }
    #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
    for _ in 0..<100 { #expect(stream.integer(below: 1) == 0) }
  }

  /// Means, variances, and the part beyond 0.99, as numpy has it among four million draws.
  @Test func betaHasItsMoments() {
    for (a, b, tail) in [(0.2, 0.2, 0.2097), (1, 1, 0.01), (0.5, 3, 0.0), (8, 2, 0.0034), (0.001, 0.001, 0.4976)] {
      var stream = RandomStream(RandomKey(4))
      let draws = (0..<100_000).map { _ in stream.beta(a, b) }
      #expect(draws.allSatisfy { $0 >= 0 && $0 <= 1 })
      let mean = a / (a + b), variance = mean * (1 - mean) / (a + b + 1)
      // Five standard deviations; that of a square is below that of a coin's.
      #expect(abs(draws.reduce(0, +) / 100_000 - mean) < 0.0158 * variance.squareRoot() + 1e-12)
      #expect(abs(draws.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 100_000 - variance) < 0.004)
      #expect(abs(Double(draws.count { $0 > 0.99 }) / 100_000 - tail) < 0.0079)
    }
  }

  @Test func normalHasItsMoments() {
    var stream = RandomStream(RandomKey(3))
    let draws = (0..<200_000).map { _ in Double(stream.normal()) }
    #expect(draws.allSatisfy { $0.isFinite })
    #expect(abs(draws.reduce(0, +) / 200_000) < 0.0112)
    #expect(abs(draws.reduce(0) { $0 + $1 * $1 } / 200_000 - 1) < 0.016)
    #expect(abs(draws.reduce(0) { $0 + $1 * $1 * $1 * $1 } / 200_000 - 3) < 0.11)
    for _ in 0..<10_000 { #expect(abs(stream.truncatedNormal(within: -2...2)) <= 2) }
  }
}
