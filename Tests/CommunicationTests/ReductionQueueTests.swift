import Communication
import Foundation
import Testing

extension InWorlds {
  @Suite struct ReductionQueueTests {
    @Test func bucketsAreReducedInOrder() throws {
      try InWorlds.run(sizes: [1, 2, 4]) { communicator in
        let queue = ReductionQueue(communicator, capacity: 4)
        defer { queue.close() }
        // More buckets than the ring holds, so that slots are used again.
        let count = 500
        let gradients = UnsafeMutablePointer<Float>.allocate(capacity: 10 * count)
        defer { gradients.deallocate() }
        for step in 0..<3 {
          for index in 0..<10 * count { gradients[index] = Float(index + step) }
          let tickets = (0..<10).map { queue.submit("bucket \($0)", gradients + $0 * count, count: count) }
          try queue.wait(tickets[3])
          for index in 0..<4 * count { #expect(gradients[index] == Float(communicator.size * (index + step))) }
          try queue.waitAll()
          for index in 0..<10 * count { #expect(gradients[index] == Float(communicator.size * (index + step))) }
        }
        let records = queue.records()
        #expect(records.map(\.name) == ["bucket 6", "bucket 7", "bucket 8", "bucket 9"])
        #expect(zip(records, records.dropFirst()).allSatisfy { $0.ended <= $1.started && $0.ticket < $1.ticket })
        #expect(records.allSatisfy { $0.submitted <= $0.started && $0.started <= $0.ended })
      }
    }

    @Test func callsTakeTheirTurn() throws {
      try InWorlds.run { communicator in
        let queue = ReductionQueue(communicator, reducing: .fast)
        defer { queue.close() }
        var value: Float = 1
        try withUnsafeMutablePointer(to: &value) { value in
          queue.submit("bucket 0", value, count: 1)
          let seen = try queue.run("agreement") { communicator in
            try communicator.allReduce("agreement", Double(value.pointee), .max)
          }
          #expect(seen == Double(communicator.size))
        }
        #expect(queue.exposedDuration > .zero)
      }
    }

    /// Gradients are added up here as in the workers, so denormals go the same way.
    @Test func denormalsAreFlushedInTheCommunicationThread() throws {
      try InWorlds.run(sizes: [1, 2]) { communicator in
        let queue = ReductionQueue(communicator)
        defer { queue.close() }
        let smallest = Float(bitPattern: UInt32(communicator.size))
        try #expect(queue.run("denormal") { _ in smallest * 0x1p30 } == 0)
      }
    }

    @Test func theFirstErrorIsKept() throws {
      try InWorlds.run { communicator in
        let queue = ReductionQueue(communicator)
        defer { queue.close() }
        var value: Float = 1
        withUnsafeMutablePointer(to: &value) { value in
          queue.perform("evaluation") { _ in throw InProcessWorldTests.DecodingFailed() }
          let ticket = queue.submit("bucket 0", value, count: 1)
          #expect(throws: InProcessWorldTests.DecodingFailed.self) { try queue.wait(ticket) }
          #expect(throws: InProcessWorldTests.DecodingFailed.self) { try queue.waitAll() }
          #expect(throws: InProcessWorldTests.DecodingFailed.self) { try queue.run("after") { _ in 1 } }
          #expect(value.pointee == 1)
        }
      }
    }

    @Test func aJobHasItsOwnDeadline() throws {
      try InWorlds.run { communicator in
        let queue = ReductionQueue(communicator)
        defer { queue.close() }
        try #expect(queue.run("scoring", deadline: .seconds(3600)) { $0.deadline } == .seconds(3600))
        try #expect(queue.run("step") { $0.deadline } == .seconds(20))
      }
    }
  }
}
