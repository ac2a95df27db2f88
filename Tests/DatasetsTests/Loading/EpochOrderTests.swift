import Datasets
import Testing

@Suite struct EpochOrderTests {
  @Test(arguments: [1, 2, 3, 4, 5, 10, 99, 100, 101, 1000, 10007, 50000])
  func everySampleComesExactlyOnce(count: Int) {
    for epoch in 0..<3 {
      let order = EpochOrder(count: count, seed: 7, epoch: epoch)
      var seen = [Bool](repeating: false, count: count)
      for position in 0..<count { seen[order.index(at: position)] = true }
      #expect(!seen.contains(false))
    }
  }

  private func indices(_ count: Int, seed: UInt64, epoch: Int) -> [Int] {
    let order = EpochOrder(count: count, seed: seed, epoch: epoch)
    return (0..<count).map(order.index(at:))
  }

  @Test func epochsAndSeedsDiffer() {
    let first = indices(1000, seed: 1, epoch: 0)
    for other in [indices(1000, seed: 1, epoch: 1), indices(1000, seed: 2, epoch: 0)] {
      // Two unrelated permutations agree in one place on average.
      #expect(zip(first, other).filter { $0 == $1 }.count < 10)
    }
    #expect(first == indices(1000, seed: 1, epoch: 0))
  }

  @Test func naturalOrder() {
    let order = EpochOrder(count: 12, seed: 3, epoch: 4, isShuffled: false)
    #expect((0..<12).map(order.index(at:)) == Array(0..<12))
  }

  /// Clips come in the order that as many samples would, each with its frames one after the other.
  @Test func clipsStayTogether() {
    let clips = EpochOrder(count: 7, seed: 42, epoch: 3)
    let frames = EpochOrder(count: 28, seed: 42, epoch: 3, framesPerClip: 4)
    #expect((0..<28).map(frames.index(at:)) == (0..<28).map { clips.index(at: $0 / 4) * 4 + $0 % 4 })
    #expect(clips.index(at: 0) != 0 || clips.index(at: 1) != 1)
    let natural = EpochOrder(count: 12, seed: 3, epoch: 4, isShuffled: false, framesPerClip: 4)
    #expect((0..<12).map(natural.index(at:)) == Array(0..<12))
  }

  /// A checkpoint made by one version is resumed by the next, so the order is part of the format.
  @Test func orderIsPinned() {
    #expect(indices(10, seed: 42, epoch: 0) == [6, 8, 2, 4, 1, 3, 7, 0, 5, 9])
    #expect(indices(10, seed: 42, epoch: 1) == [3, 2, 7, 6, 4, 0, 9, 1, 8, 5])
    let large = EpochOrder(count: 1_281_167, seed: 42, epoch: 89)
    #expect([0, 1, 1_281_166].map(large.index(at:)) == [649_350, 643_624, 943_567])
  }

  /// Over 24,000 keys each of the 24 orders of four samples comes about 1,000 times (chi-square, 23 degrees of freedom:
  /// above 60 is chance once in 20,000).
  @Test func ordersOfFewSamplesAreUniform() {
    var tally: [[Int]: Int] = [:]
    for epoch in 0..<24_000 { tally[indices(4, seed: 5, epoch: epoch), default: 0] += 1 }
    #expect(tally.count == 24)
    let chiSquare = tally.values.reduce(0.0) { $0 + Double(($1 - 1000) * ($1 - 1000)) / 1000 }
    #expect(chiSquare < 60)
  }

  /// No place of the order prefers some samples: 100 places x 10 tenths of the data set, each met about 40 times.
  @Test func placesAreUniform() {
    var tally = [[Int]](repeating: [Int](repeating: 0, count: 10), count: 100)
    for epoch in 0..<400 {
      for (position, index) in indices(100, seed: 11, epoch: epoch).enumerated() { tally[position][index / 10] += 1 }
    }
    let chiSquare = tally.joined().reduce(0.0) { $0 + Double(($1 - 40) * ($1 - 40)) / 40 }
    // 891 degrees of freedom, standard deviation 42.
    #expect(chiSquare > 700 && chiSquare < 1100)
  }

  /// Neighbours in the data set do not stay neighbours: a data set sorted by class must still give mixed batches.
  @Test func neighboursPart() {
    let order = indices(10_000, seed: 13, epoch: 0)
    let near = zip(order, order.dropFirst()).filter { abs($0 - $1) <= 10 }.count
    // 20 of 9,999 pairs on average.
    #expect(near < 45)
  }
}
