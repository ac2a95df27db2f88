import Communication
import Foundation
import Testing

extension InWorlds {
  @Suite struct WhereaboutsTests {
    /// Rank 1 reads data while the others wait for it: whoever gives up must say so, though it does not wait for rank 1
    /// itself, and rank 1's thread that trains is not the one that answers.
    @Test func theStallIsExplained() throws {
      try InWorlds.runFailing(sizes: [2, 3, 4]) { communicator in
        let queue = ReductionQueue(communicator)
        defer { queue.close() }
        if communicator.rank == 1 {
          queue.whereabouts.enter("data.next")
          Thread.sleep(forTimeInterval: 1.5)
        } else {
          try queue.run("gradients bucket 2", deadline: .milliseconds(200)) { try $0.barrier("gradients bucket 2") }
        }
      } _: { sentence in
        #expect(sentence.contains("; rank 1 ("), "\(sentence)")
        #expect(sentence.contains(") in data.next for "), "\(sentence)")
        #expect(sentence.contains(" in gradients bucket 2"), "\(sentence)")
        return true
      }
    }
  }
}

/// The sentence about all ranks, from what is known of each.
@Suite struct WhereaboutsSentenceTests {
  private func at(_ place: String, isCollective: Bool) -> Whereabouts.News {
    .heard(Whereabouts.Position(place: place, duration: .seconds(41), isCollective: isCollective))
  }

  @Test func ranksThatWaitAreGroupedBehindThoseThatAreWaitedFor() {
    let waiting = at("gradients bucket 2", isCollective: true), data = at("data.next", isCollective: false)
    func sentence(_ news: [Whereabouts.News]) -> String {
      Whereabouts.sentence(news, hostNames: news.indices.map { "node\($0)" })
    }
    #expect(
      sentence([waiting, waiting, waiting, data, waiting])
        == "rank 3 (node3) in data.next for 41 s; ranks 0-2, 4 wait in gradients bucket 2")
    #expect(
      sentence([at("evaluation", isCollective: true), .finished, waiting])
        == "rank 1 (node1) has finished; rank 0 (node0) waits in evaluation; "
        + "rank 2 (node2) waits in gradients bucket 2")
    #expect(
      sentence([.silent(place: "backward", .seconds(12)), .silent(place: nil, nil)])
        == "rank 0 (node0) silent for 12 s, last in backward; rank 1 (node1) not heard of yet")
  }
}
