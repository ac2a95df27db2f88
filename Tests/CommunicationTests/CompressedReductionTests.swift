import Communication
import Compute
import Testing

extension InWorlds {
  @Suite struct CompressedReductionTests {
    private func values(_ step: Int, rank: Int) -> [Float] {
      (0..<1003).map { Float((($0 + 7 * step) * (rank + 3)) % 211 - 105) * 0.01 }
    }

    /// In one piece and in several.
    @Test(arguments: [1 << 30, 100])
    func everyRankGetsTheSameBitsNearTheSum(messageLimit: Int) throws {
      try InWorlds.run(sizes: [2, 4], messageLimit: messageLimit) { communicator in
        var own = values(0, rank: communicator.rank)
        try communicator.allReduce("gradients", &own, count: own.count, .compressed)
        let bytes = own.withUnsafeBytes { Array($0) }
        try #expect(Set(communicator.allGather("check", bytes)).count == 1)
        for index in own.indices {
          let addends = (0..<communicator.size).map { values(0, rank: $0)[index] }
          let magnitude = addends.reduce(0) { $0 + $1.magnitude }
          // Each value is rounded once on every level of the tree and once when it is complete.
          #expect(abs(own[index] - addends.reduce(0, +)) <= 3 * BFloat16.relativeError * magnitude)
        }
      }
    }

    @Test func whatRoundingLosesComesBackInTheNextSums() throws {
      try InWorlds.run(sizes: [2, 4]) { communicator in
        let queue = ReductionQueue(communicator, reducing: .compressed)
        var own = values(0, rank: communicator.rank)
        var total = [Double](repeating: 0, count: own.count), exact = total
        let steps = 50
        try own.withUnsafeMutableBufferPointer { own in
          for step in 0..<steps {
            for rank in 0..<communicator.size {
              for (index, value) in values(step, rank: rank).enumerated() { exact[index] += Double(value) }
            }
            _ = own.update(fromContentsOf: values(step, rank: communicator.rank))
            try queue.wait(queue.submit("gradients", own.baseAddress!, count: own.count))
            for index in own.indices { total[index] += Double(own[index]) }
          }
        }
        queue.close()
        // Without feedback errors of up to 2^-8 of each sum would add up; with it only the last ones are still owed.
        let worst = zip(total, exact).map { abs($0 - $1) }.max()!
        let oneStep = 3 * Double(BFloat16.relativeError) * Double(communicator.size)
        #expect(worst <= oneStep * 1.06, "\(worst) after \(steps) steps, \(oneStep) in one")
      }
    }

    @Test func threeRanksAreRefused() throws {
      try InWorlds.runFailing(sizes: [3]) { communicator in
        var own: [Float] = [1, 2]
        try communicator.allReduce("gradients", &own, count: 2, .compressed)
      } _: {
        $0.contains("needs a power of two of ranks, found 3")
      }
    }
  }
}
