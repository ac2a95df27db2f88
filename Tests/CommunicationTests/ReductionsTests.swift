import Communication
import Testing

extension InWorlds {
  @Suite struct ReductionsTests {
    /// Lengths around what halving splits unevenly: fewer values than ranks, odd, and large enough for rendezvous.
    static let lengths = [0, 1, 2, 3, 5, 1023, 40_001]

    /// In one piece and in several, of which more than are under way at once.
    @Test(arguments: lengths, [1 << 30, 1000])
    func treeAssociatesByPairs(length: Int, messageLimit: Int) throws {
      try InWorlds.run(sizes: [1, 2, 4], messageLimit: messageLimit) { communicator in
        let addends = (0..<communicator.size).map { unruly(length, rank: $0) }
        let expected = (0..<length).map { index in
          switch communicator.size {
          case 1: addends[0][index]
          case 2: addends[0][index] + addends[1][index]
          default: (addends[0][index] + addends[1][index]) + (addends[2][index] + addends[3][index])
          }
        }
        let sums = try reduced(addends[communicator.rank], .tree, by: communicator)
        #expect(bits(sums) == bits(expected))
      }
    }

    @Test func treeOfEightRanks() throws {
      _ = try InProcessWorld.run(size: 8) { communicator in
        let b = (0..<8).map { unruly(1001, rank: $0) }
        let expected = (0..<1001).map { index -> Float in
          let lower = (b[0][index] + b[1][index]) + (b[2][index] + b[3][index])
          let upper = (b[4][index] + b[5][index]) + (b[6][index] + b[7][index])
          return lower + upper
        }
        try #expect(bits(reduced(b[communicator.rank], .tree, by: communicator)) == bits(expected))
      }
    }

    /// Eight replicas, as 8 x 1, 4 x 2, 2 x 4 and 1 x 8: what a rank adds up by itself and what ranks add up is one
    /// tree.
    @Test func replicasGiveTheSameBitsOnAnyRanks() throws {
      let replicas = (0..<8).map { unruly(777, rank: $0) }
      let alone = sumOfBlocks(replicas)
      try InWorlds.run(sizes: [1, 2, 4]) { communicator in
        let own = replicas.count / communicator.size
        let first = communicator.rank * own
        let partial = sumOfBlocks(Array(replicas[first..<first + own]))
        try #expect(bits(reduced(partial, .tree, by: communicator)) == bits(alone))
      }
    }

    @Test func treeRefusesThreeRanks() throws {
      try InWorlds.runFailing(sizes: [3]) { communicator in
        _ = try reduced([1, 2, 3], .tree, by: communicator)
      } _: {
        $0.contains("needs a power of two of ranks, found 3")
      }
    }

    @Test(arguments: lengths)
    func fastIsEqualToRounding(length: Int) throws {
      try InWorlds.run(messageLimit: 1000) { communicator in
        let addends = (0..<communicator.size).map { unruly(length, rank: $0) }
        let sums = try reduced(addends[communicator.rank], .fast, by: communicator)
        for index in 0..<length {
          let exact = addends.reduce(0.0) { $0 + Double($1[index]) }
          let magnitude = addends.reduce(0.0) { $0 + Double($1[index].magnitude) }
          #expect(abs(Double(sums[index]) - exact) <= 4 * 0x1p-24 * magnitude)
        }
      }
    }

    @Test func smallReductionsCombineAllRanks() throws {
      try InWorlds.run { communicator in
        let rank = Double(communicator.rank)
        let last = Double(communicator.size - 1)
        let total = last * (last + 1) / 2
        try #expect(communicator.allReduce("sums", [rank, 1, -rank], .sum) == [total, last + 1, -total])
        try #expect(communicator.allReduce("stop", rank, .max) == last)
        try #expect(communicator.allReduce("samples", rank + 5, .min) == 5)
      }
    }

    /// All ranks must take the same decision from a sum, so they need the same bits, not the same value.
    @Test func smallSumsHaveTheSameBitsEverywhere() throws {
      try InWorlds.run { communicator in
        let values = unruly(64, rank: communicator.rank).map(Double.init).map { $0 / 3 }
        let sums = try communicator.allReduce("losses", values, .sum)
        let bytes = sums.withUnsafeBytes { Array($0) }
        try #expect(Set(communicator.allGather("check", bytes)).count == 1)
      }
    }
  }
}

private func reduced(_ values: [Float], _ kind: ReductionKind, by communicator: any Communicator) throws -> [Float] {
  var values = values
  try values.withUnsafeMutableBufferPointer { buffer in
    var nothing: Float = 0
    if let base = buffer.baseAddress {
      try communicator.allReduce("gradients", base, count: buffer.count, kind)
    } else {
      try communicator.allReduce("gradients", &nothing, count: 0, kind)
    }
  }
  return values
}

/// `sumTree` over two ranges, as two workers would call it.
private func sumOfBlocks(_ blocks: [[Float]]) -> [Float] {
  let count = blocks[0].count
  let memory = blocks.map { block in
    let pointer = UnsafeMutablePointer<Float>.allocate(capacity: count)
    pointer.initialize(from: block, count: count)
    return pointer
  }
  defer { memory.forEach { $0.deallocate() } }
  sumTree(memory, 0..<count / 3)
  sumTree(memory, count / 3..<count)
  return Array(UnsafeBufferPointer(start: memory[0], count: count))
}
