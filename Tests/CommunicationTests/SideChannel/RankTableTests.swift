import Communication
import Testing

/// What rank 0 makes of what it hears: made-up news on a made-up clock.
@Suite struct RankTableTests {
  private let start = Moment(nanoseconds: 1_000_000_000_000)

  private func later(_ seconds: Int) -> Moment { Moment(nanoseconds: start.nanoseconds + seconds * 1_000_000_000) }

  private func wait(_ seconds: Int, in collective: String = "gradients bucket 2") -> Whereabouts.Position {
    Whereabouts.Position(place: collective, duration: .seconds(seconds), isCollective: true, step: 7)
  }

  private func work(_ seconds: Int, at place: String) -> Whereabouts.Position {
    Whereabouts.Position(place: place, duration: .seconds(seconds), isCollective: false, step: 7)
  }

  @Test func namesTheLateTheSilentAndTheWaiting() {
    var table = RankTable(hostNames: ["a", "a", "b", "b", "c"], now: start)
    table.hear(0, wait(5), now: later(10))
    table.hear(1, wait(6), now: later(10))
    table.hear(2, work(41, at: "data.next"), now: later(10))
    table.hear(3, wait(1, in: "evaluation"), now: later(2))
    #expect(
      table.sentence(now: later(10)) == "rank 2 (b) in data.next for 41 s; rank 3 (b) silent for 8.0 s, last in evaluation; "
        + "rank 4 (c) silent for 10 s; ranks 0-1 wait in gradients bucket 2")
    table.finish(3)
    table.hear(4, work(0, at: "backward"), now: later(10))
    #expect(
      table.sentence(now: later(11)) == "rank 2 (b) in data.next for 42 s; rank 3 (b) has finished; "
        + "rank 4 (c) in backward for 1.0 s; ranks 0-1 wait in gradients bucket 2")
  }

  @Test func aStallIsToldOnceForEachDoubling() {
    var table = RankTable(hostNames: ["a", "b"], now: start)
    func stall(after seconds: Int) -> String? {
      table.hear(0, wait(seconds), now: later(seconds))
      table.hear(1, work(seconds, at: "data.next"), now: later(seconds))
      return table.stall(threshold: .seconds(10), deadline: .seconds(300), now: later(seconds))
    }
    #expect(stall(after: 9) == nil)
    #expect(
      stall(after: 10) == "`gradients bucket 2` has lasted 10 s: rank 1 (b) in data.next for 10 s; "
        + "rank 0 (a) waits in gradients bucket 2; the job ends when it has lasted 300 s")
    #expect(stall(after: 11) == nil && stall(after: 19) == nil)
    #expect(stall(after: 20) != nil && stall(after: 39) == nil && stall(after: 41) != nil)
    table.hear(0, wait(0, in: "loss"), now: later(50))
    #expect(table.stall(threshold: .seconds(10), deadline: .seconds(300), now: later(50)) == nil)
    #expect(table.stall(threshold: .seconds(10), deadline: .seconds(300), now: later(61)) != nil, "a silent rank waits on")
  }

  @Test func aFinishedRankStallsNobody() {
    var table = RankTable(hostNames: ["a"], now: start)
    table.hear(0, wait(100), now: later(100))
    table.finish(0)
    #expect(table.stall(threshold: .seconds(10), deadline: .seconds(300), now: later(200)) == nil)
  }
}
