import Datasets
import Testing

@Suite struct BatchSequenceTests {
  private let schedule = try! BatchSchedule(sampleCount: 100, globalBatch: 16, replicas: 4)

  private func addresses(_ sequence: BatchSequence) -> [BatchAddress] { (0..<sequence.count).map { sequence[$0] } }

  @Test func replicasOfAStepComeOneAfterTheOther() {
    let sequence = BatchSequence(schedule, replicas: 2..<4, seed: 1, isShuffled: true, start: (3, 5), endEpoch: 5)
    #expect(sequence.count == 2 * (2 + 7))
    #expect(
      addresses(sequence).prefix(5) == [
        BatchAddress(epoch: 3, step: 5, replica: 2), BatchAddress(epoch: 3, step: 5, replica: 3),
        BatchAddress(epoch: 3, step: 6, replica: 2), BatchAddress(epoch: 3, step: 6, replica: 3),
        BatchAddress(epoch: 4, step: 0, replica: 2),
      ])
  }

  @Test func aSeekIsTheRestOfTheWhole() {
    let whole = BatchSequence(schedule, replicas: 0..<4, seed: 1, isShuffled: true, endEpoch: 3)
    let rest = BatchSequence(schedule, replicas: 0..<4, seed: 1, isShuffled: true, start: (1, 2), endEpoch: 3)
    #expect(addresses(rest) == Array(addresses(whole).dropFirst(4 * (7 + 2))))
    // A checkpoint at an epoch's last step may be written as either of two positions.
    let atEnd = BatchSequence(schedule, replicas: 0..<4, seed: 1, isShuffled: true, start: (1, 7), endEpoch: 3)
    #expect(addresses(atEnd).first == BatchAddress(epoch: 2, step: 0, replica: 0))
    #expect(BatchSequence(schedule, replicas: 0..<4, seed: 1, isShuffled: true, start: (5, 0), endEpoch: 3).count == 0)
  }

  @Test func evaluationIsOnePassInNaturalOrder() {
    let sequence = BatchSequence(evaluating: BatchSchedule(evaluating: 100, batch: 16, ranks: 3), rank: 2)
    #expect(addresses(sequence).map(\.step) == [0, 1, 2])
    #expect(sequence.order(ofEpoch: 0).index(at: 5) == 5)
  }
}
