import Communication
import Testing

extension InWorlds {
  @Suite struct TreePartsTests {
    @Test(arguments: [0, 1, 3, 16, 1000, 100_003], [1, 64, 16_384])
    func partsCoverEverythingOnce(count: Int, grain: Int) {
      for size in [1, 2, 4, 8] {
        let parts = (0..<size).map { TreeParts(count: count, rank: $0, size: size, origin: 48, grain: grain).own }
        let sorted = parts.sorted { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }
        #expect(sorted.first!.lowerBound == 0 && sorted.last!.upperBound == count)
        for (left, right) in zip(sorted, sorted.dropFirst()) { #expect(left.upperBound == right.lowerBound) }
        if count > 2 * size * grain {
          for part in parts where part.lowerBound > 0 { #expect((48 + part.lowerBound) % grain == 0, "\(parts)") }
        }
      }
    }

    @Test func scatterAndGatherAreTheSum() throws {
      try InWorlds.run(sizes: [1, 2, 4]) { communicator in
        let count = 5003
        var whole = unruly(count, rank: communicator.rank), parted = whole
        try communicator.allReduce("gradients", &whole, count: count, .tree)
        let parts = TreeParts(count: count, rank: communicator.rank, size: communicator.size, origin: 16, grain: 256)
        let queue = ReductionQueue(communicator)
        defer { queue.close() }
        try parted.withUnsafeMutableBufferPointer { parted in
          try queue.wait(queue.scatter("gradients", parted.baseAddress!, parts))
          #expect(bits(Array(parted[parts.own])) == bits(Array(whole[parts.own])), "its own part holds the sums")
          for index in parted.indices where !parts.own.contains(index) { parted[index] = .nan }
          try queue.wait(queue.gather("gradients", parted.baseAddress!, parts))
        }
        #expect(bits(parted) == bits(whole))
      }
    }
  }
}
