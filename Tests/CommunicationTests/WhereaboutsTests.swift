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
      } _: {
        $0.contains("; rank 1 (") && $0.contains(") in data.next for ") && $0.contains(" in gradients bucket 2")
      }
    }
  }
}
