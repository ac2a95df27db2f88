import Communication
import Testing

@Suite struct MessageFlowTests {
  @Test func placesAreTakenInTurnAndTheRestIsShort() {
    var flow = MessageFlow(byteCount: 25, pieceBytes: 10)
    let begun = (0..<3).map { _ in flow.begin()! }
    #expect(begun.map(\.bytes) == [0..<10, 10..<20, 20..<25])
    #expect(begun.map(\.place) == [0, 1, 2] && flow.begin() == nil)
    #expect((0..<3).map { _ in flow.end() } == begun.map(\.bytes))
    #expect(flow.isDone && flow.oldestPlace == nil)
  }

  @Test func noMoreThanTheDepthIsUnderWay() {
    var flow = MessageFlow(byteCount: 1000, pieceBytes: 1)
    while flow.begin() != nil {}
    #expect(flow.begun == MessageFlow.depth && flow.oldestPlace == 0)
    #expect(flow.end() == 0..<1 && flow.begin()?.place == 0 && flow.begin() == nil && flow.oldestPlace == 1)
  }

  @Test func nothingIsDoneAtOnce() {
    #expect(MessageFlow(byteCount: 0, pieceBytes: 10).isDone)
  }
}
