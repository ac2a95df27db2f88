import Foundation
import Testing
import Training

@Suite struct StopRequestTests {
  @Test func `The end of an allocation asks in time for saving, and only then`() {
    let far = StopRequest(catching: [], allocationEnd: Date(timeIntervalSinceNow: 100))
    #expect(!far.isRequested(savingTakes: 5), "saving and its reserve take 70 of the 100 s")
    #expect(far.isRequested(savingTakes: 25), "50 s twice and a reserve of 60 do not fit")
    #expect(far.isRequested(savingTakes: 0), "once asked is asked")
    #expect(!StopRequest(catching: []).isRequested(savingTakes: 1e9), "no allocation, no end")
  }
}
