import Communication
import Foundation
import Testing

@Suite struct InProcessWorldTests {
  struct DecodingFailed: Error, CustomStringConvertible {
    var description: String { "img_0042.jpg is a text file" }
  }

  @Test func resultsComeByRank() throws {
    try #expect(InProcessWorld.run(size: 3) { $0.rank * 10 } == [0, 10, 20])
  }

  @Test func anErrorWakesTheOthers() throws {
    #expect(throws: DecodingFailed.self) {
      try InProcessWorld.run(size: 4) { communicator in
        if communicator.rank == 2 { throw DecodingFailed() }
        do {
          try communicator.barrier("epoch")
        } catch let error as CommunicationError {
          // Ranks that notice while others already end are told of the first failure too.
          #expect("\(error)".contains("rank 2") && "\(error)".contains("img_0042.jpg is a text file"))
          throw error
        }
      }
    }
  }

  @Test func abortReachesRanksThatComeLater() throws {
    let error = #expect(throws: CommunicationError.self) {
      try InProcessWorld.run(size: 2) { communicator in
        if communicator.rank == 1 {
          communicator.abort(code: 3, reason: "disk full")
        } else {
          Thread.sleep(forTimeInterval: 0.02)
          try communicator.barrier("checkpoint")
        }
      }
    }
    #expect(error?.collective == "checkpoint")
    #expect(error?.rank == 0)
    #expect("\(error!)".contains("ended the job: disk full"))
  }

  @Test func aRankThatReturnedIsNotWaitedFor() throws {
    let error = #expect(throws: CommunicationError.self) {
      try InProcessWorld.run(size: 2) { communicator in
        if communicator.rank == 0 { try communicator.barrier("one more") }
      }
    }
    #expect("\(error!)".contains("has already finished"))
  }

  /// Exchanges in a row at random speeds: what a deadlock or a lost wake-up would stop.
  @Test func manyRoundsOfUnevenRanks() throws {
    _ = try InProcessWorld.run(size: 4, deadline: .seconds(20)) { communicator in
      for round in 0..<2000 {
        if (round &* 7 &+ communicator.rank &* 13) % 97 == 0 { Thread.sleep(forTimeInterval: 0.0005) }
        try #expect(communicator.allReduce("round", Double(round), .sum) == Double(4 * round))
      }
    }
  }

  @Test func soloIsDoneBeforeItBegins() throws {
    let communicator = SoloCommunicator()
    var values: [Float] = [1, 2, 3]
    for kind in ReductionKind.allCases {
      try communicator.allReduce("gradients", &values, count: 3, kind)
    }
    try communicator.barrier("epoch")
    #expect(values == [1, 2, 3])
    try #expect(communicator.broadcast("parameters", [7, 8]) == [7, 8])
    try #expect(communicator.allGather("hosts", [1]) == [[1]])
    try #expect(communicator.gather("results", [1]) == [[1]])
    try #expect(communicator.allReduce("loss", 0.5, .sum) == 0.5)
  }
}
