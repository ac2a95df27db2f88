import Communication
import Testing
import Training

@Suite struct StartupAgreementTests {
  /// The sentence that three ranks end with when rank 2 has these instead of what the others have.
  private func sentence(
    build: String = "b", runFile: String = "r", parameters: String = "p", plan: UInt64 = 1
  ) -> String? {
    do {
      _ = try InProcessWorld.run(size: 3, deadline: .seconds(20)) { communicator in
        let isOdd = communicator.rank == 2
        try StartupAgreement(
          plan: isOdd ? plan : 1, runFile: isOdd ? runFile : "r", build: isOdd ? build : "b",
          parameters: isOdd ? parameters : "p"
        ).check(communicator)
      }
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func `Ranks that are alike go on`() { #expect(sentence() == nil) }

  @Test func `A rank that differs is named with its host and with what differs`() throws {
    let build = try #require(sentence(build: "other"))
    #expect(build.hasPrefix("rank 2 ("))
    #expect(build.contains(") differ in the program: start all ranks from the same build and run file"))
    #expect(try #require(sentence(runFile: "other")).contains("differ in the run file"))
    #expect(try #require(sentence(parameters: "other")).contains("differ in the table of parameters"))
    #expect(try #require(sentence(runFile: "other", plan: 2)).contains("differ in the run file and the plan"))
  }
}
