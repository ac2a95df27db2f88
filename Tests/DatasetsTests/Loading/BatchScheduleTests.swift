import Datasets
import Testing

@Suite struct BatchScheduleTests {
  /// Every position in order of (step, replica).
  private func positions(_ schedule: BatchSchedule) -> [Int] {
    (0..<schedule.stepsPerEpoch).flatMap { step in
      (0..<schedule.replicas).flatMap { Array(schedule.positions(step: step, replica: $0)) }
    }
  }

  @Test(arguments: [1, 2, 4, 8, 3], [32, 33, 95, 96, 97, 1000])
  func everyPositionOnceInOrder(replicas: Int, count: Int) throws {
    let schedule = try BatchSchedule(sampleCount: count, globalBatch: 24, replicas: replicas)
    #expect(schedule.stepsPerEpoch == (count + 23) / 24)
    // The step's positions do not depend on the number of replicas, only how they are dealt.
    #expect(positions(schedule) == Array(0..<count))
    for step in 0..<schedule.stepsPerEpoch {
      let sizes = (0..<replicas).map { schedule.positions(step: step, replica: $0).count }
      #expect(sizes.max()! - sizes.min()! <= 1)
      #expect(sizes.max()! <= schedule.replicaBatch)
      #expect(sizes.reduce(0, +) == schedule.sampleCount(inStep: step))
    }
  }

  @Test func shortLastBatchLeavesReplicasEmpty() throws {
    let schedule = try BatchSchedule(sampleCount: 18, globalBatch: 16, replicas: 8)
    #expect((0..<8).map { schedule.positions(step: 1, replica: $0).count }.reduce(0, +) == 2)
    #expect((0..<8).filter { schedule.positions(step: 1, replica: $0).isEmpty }.count == 6)
  }

  @Test func shortLastBatchIsDropped() throws {
    let schedule = try BatchSchedule(sampleCount: 1000, globalBatch: 128, replicas: 4, dropsShortBatch: true)
    #expect(schedule.stepsPerEpoch == 7)
    #expect(positions(schedule) == Array(0..<896))
  }

  @Test(arguments: [1, 2, 3, 4, 7, 64], [0, 1, 99, 100, 101, 2000])
  func evaluationSeesEachSampleOnce(ranks: Int, count: Int) {
    let schedule = BatchSchedule(evaluating: count, batch: 50, ranks: ranks)
    var batches: [Range<Int>] = []
    for rank in 0..<ranks {
      for step in 0..<schedule.stepsPerEpoch {
        let range = schedule.positions(step: step, replica: rank)
        if !range.isEmpty { batches.append(range) }
      }
    }
    // The same batches whatever the number of ranks, each rank's share contiguous.
    #expect(batches == stride(from: 0, to: count, by: 50).map { $0..<min($0 + 50, count) })
    #expect(schedule.stepsPerEpoch == ((count + 49) / 50 + ranks - 1) / ranks)
  }

  @Test func refusals() {
    func sentence(_ samples: Int, _ batch: Int, _ replicas: Int) -> String {
      do {
        _ = try BatchSchedule(sampleCount: samples, globalBatch: batch, replicas: replicas)
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      sentence(1000, 129, 4) == "a batch of 129 cannot be dealt evenly to 4 replicas; the nearest that can is 128")
    #expect(sentence(1000, 2, 8) == "a batch of 2 cannot be dealt evenly to 8 replicas; the nearest that can is 8")
    #expect(sentence(1000, 0, 1) == "a batch of 0 cannot be dealt evenly to 1 replicas; the nearest that can is 1")
    #expect(sentence(3, 4, 4) == "3 samples are too few for 4 replicas: each needs one at least")
    #expect(sentence(100, 128, 4) == "a batch of 128 is larger than the whole data set of 100 samples")
  }
}
