import Communication
import Foundation
import Testing

extension InWorlds {
  @Suite struct CollectivesTests {
    @Test func broadcastCopiesTheRoot() throws {
      try InWorlds.run { communicator in
        for root in 0..<communicator.size {
          var values = unruly(1000, rank: communicator.rank)
          try values.withUnsafeMutableBufferPointer {
            try communicator.broadcast("parameters", $0.baseAddress!, count: 1000, from: root)
          }
          #expect(bits(values) == bits(unruly(1000, rank: root)))
        }
      }
    }

    @Test func broadcastBytesNeedNoLength() throws {
      try InWorlds.run { communicator in
        let root = communicator.size - 1
        let own = communicator.rank == root ? Array("step-000120".utf8) : []
        try #expect(communicator.broadcast("checkpoint", own, from: root) == Array("step-000120".utf8))
      }
    }

    @Test func gathersKeepRankOrderAndLengths() throws {
      try InWorlds.run { communicator in
        func bytes(of rank: Int) -> [UInt8] { Array(repeating: UInt8(rank + 1), count: 3 * rank) }
        let all = (0..<communicator.size).map(bytes)
        try #expect(communicator.allGather("hosts", bytes(of: communicator.rank)) == all)
        for root in 0..<communicator.size {
          let gathered = try communicator.gather("results", bytes(of: communicator.rank), to: root)
          #expect(gathered == (communicator.rank == root ? all : []))
        }
      }
    }

    @Test func everyRankKnowsTheHosts() throws {
      try InWorlds.run { communicator in
        #expect(communicator.hostNames.count == communicator.size)
        #expect(!communicator.hostName.isEmpty)
      }
    }

    @Test func barrierHoldsUntilTheLastArrives() throws {
      try InWorlds.run { communicator in
        if communicator.rank == communicator.size - 1 { Thread.sleep(forTimeInterval: 0.03) }
        let arrived = Moment.now
        try communicator.barrier("epoch")
        let left = Moment.now
        let last = try communicator.allReduce("arrival", Double(arrived.nanoseconds), .max)
        // The clocks of two machines have nothing to do with each other.
        if Set(communicator.hostNames).count == 1 { #expect(Double(left.nanoseconds) >= last) }
      }
    }

    @Test func exchangeAroundARing() throws {
      try InWorlds.run(messageLimit: 1000) { communicator in
        let (rank, size) = (communicator.rank, communicator.size)
        // Large enough to be sent in rendezvous, and, with this limit, in several messages.
        let own = unruly(50_001, rank: rank)
        var previous = [Float](repeating: 0, count: own.count)
        try own.withUnsafeBytes { own in
          try previous.withUnsafeMutableBytes {
            try communicator.exchange(
              "ring", send: own, to: (rank + 1) % size, receive: $0, from: (rank + size - 1) % size)
          }
        }
        #expect(bits(previous) == bits(unruly(50_001, rank: (rank + size - 1) % size)))
      }
    }

    @Test func differentCollectivesAreFoundOut() throws {
      try InWorlds.runFailing(sizes: [2]) { communicator in
        try communicator.barrier(communicator.rank == 0 ? "gradients bucket 2" : "evaluation")
      } _: {
        $0.contains("`evaluation`") && $0.contains("`gradients bucket 2`")
      }
    }

    @Test func callsOfOneNameAndSizeThatAreNotTheSameAreFoundOut() throws {
      try InWorlds.runFailing(sizes: [2]) { communicator in
        let nothing = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        if communicator.rank == 0 {
          try communicator.barrier("evaluation")
        } else {
          // A message, not a collective: this rank is one call behind.
          try communicator.exchange("evaluation", with: 0, send: .init(nothing), receive: nothing)
        }
      } _: {
        $0.contains("is in `evaluation` with 0 bytes where this rank has 0 bytes, its call ")
      }
    }

    @Test(arguments: ReductionKind.allCases)
    func differentSizesAreFoundOut(kind: ReductionKind) throws {
      try InWorlds.runFailing(sizes: [2]) { communicator in
        var values = [Float](repeating: 1, count: communicator.rank == 0 ? 100 : 103)
        try values.withUnsafeMutableBufferPointer {
          try communicator.allReduce("gradients", $0.baseAddress!, count: $0.count, kind)
        }
      } _: {
        $0.contains("`gradients`") && $0.contains("bytes where this rank has")
      }
    }

    @Test func theDeadlineFires() throws {
      try InWorlds.runFailing(sizes: [2, 3, 4]) { communicator in
        if communicator.rank == 0 {
          Thread.sleep(forTimeInterval: 0.4)
        } else {
          try communicator.withDeadline(.milliseconds(100)) { try communicator.barrier("gradients bucket 7") }
        }
      } _: {
        $0.contains("in `gradients bucket 7`: waited 0.") && $0.contains(" for rank ")
      }
    }

    @Test func aCommunicatorKeepsItsUsualDeadline() throws {
      try InWorlds.run { communicator in
        try communicator.withDeadline(.unlimited) { try communicator.barrier("evaluation") }
        #expect(communicator.deadline == .seconds(20))
      }
    }
  }
}
