import Communication
import Testing

@Suite struct FailureReportTests {
  @Test func namesEverythingThatIsKnown() {
    let report = FailureReport(rank: 2, host: "node07", step: 1200, place: "layer3.1.conv2", cause: "output is NaN")
    #expect("\(report)" == "rank 2 (node07), step 1200, in layer3.1.conv2: output is NaN")
    #expect("\(FailureReport(rank: 0, host: "a", cause: "disk full"))" == "rank 0 (a): disk full")
  }

  @Test func aCommunicationErrorBringsItsCollective() {
    let communicator = SoloCommunicator()
    let error = CommunicationError(
      collective: "bucket 2", rank: 0, host: communicator.hostName, cause: .departed(peer: "rank 1 (b)"))
    let sentence = "\(FailureReport(error, on: communicator, step: 7))"
    #expect(sentence.hasSuffix(", step 7, in bucket 2: rank 1 (b) has already finished and makes no more calls"))
  }

  @Test func endsTheWorldInItsWords() throws {
    let error = #expect(throws: CommunicationError.self) {
      try InProcessWorld.run(size: 2) { communicator in
        guard communicator.rank == 0 else { return try communicator.barrier("epoch") }
        FailureReport(rank: 0, host: "a", step: 3, place: "data.next", cause: "disk gone").end(communicator)
      }
    }
    #expect("\(error!)".contains("step 3, in data.next: disk gone"))
  }
}
