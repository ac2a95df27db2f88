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

  /// Each of a step's samples `repeats` times, the last few of an uneven step once less; an epoch as long as without,
  /// and the same samples for any number of replicas.
  @Test(arguments: [2, 3, 24], [96, 97, 113, 1000]) func repeats(times: Int, count: Int) throws {
    let schedule = try BatchSchedule(sampleCount: count, globalBatch: 24, replicas: 4, repeats: times)
    let once = try BatchSchedule(sampleCount: count, globalBatch: 24, replicas: 1)
    #expect(schedule.stepsPerEpoch == once.stepsPerEpoch && positions(schedule) == Array(0..<count))
    var seen = 0
    for step in 0..<schedule.stepsPerEpoch {
      let held = (0..<4).flatMap { Array(schedule.positions(step: step, replica: $0)) }
      let visits = held.map(schedule.visit), distinct = (held.count + times - 1) / times
      #expect(Set(visits.map { [$0.position, $0.copy] }).count == held.count, "no sample twice in the same way")
      let counts = Dictionary(grouping: visits, by: \.position).mapValues(\.count)
      // The order's next samples, none twice in an epoch.
      #expect(counts.keys.sorted() == Array(seen..<seen + distinct))
      #expect(counts.values.max()! - counts.values.min()! <= 1 && counts.values.max()! <= times)
      #expect(visits.allSatisfy { $0.copy < counts[$0.position]! })
      seen += distinct
      guard times <= 4, held.count == 24 else { continue }
      for replica in 0..<4 {
        let part = schedule.positions(step: step, replica: replica).map { schedule.visit(at: $0).position }
        #expect(Set(part).count == part.count, "a replica's samples differ")
      }
    }
    #expect(seen <= count)
    #expect((0..<count).allSatisfy { once.visit(at: $0) == ($0, 0) })
  }

  /// The last step's three clips go to four replicas whole, and repeated samples are repeated clips.
  @Test func clipsAreNotSplit() throws {
    let schedule = try BatchSchedule(sampleCount: 56, globalBatch: 32, replicas: 4, framesPerClip: 8)
    #expect(positions(schedule) == Array(0..<56))
    #expect((0..<4).map { schedule.positions(step: 1, replica: $0) } == [32..<32, 32..<40, 40..<48, 48..<56])
    let repeated = try BatchSchedule(sampleCount: 64, globalBatch: 32, replicas: 1, repeats: 2, framesPerClip: 8)
    let visits = (32..<64).map { repeated.visit(at: $0) }
    #expect(visits.map(\.position) == Array(16..<32) + Array(16..<32))
    #expect(visits.map(\.copy) == Array(repeating: 0, count: 16) + Array(repeating: 1, count: 16))
    let error = #expect(throws: BatchScheduleError.self) {
      try BatchSchedule(sampleCount: 64, globalBatch: 32, replicas: 8, framesPerClip: 8)
    }
    #expect(
      error?.description
        == "a batch of 32 gives each of 8 replicas 4 frames, which are no whole clips of 8; the nearest that are is 64")
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
    #expect(
      BatchScheduleError.unpaired(globalBatch: 20, replicas: 4).description
        == "data.mix mixes the samples of a replica in pairs, and a batch of 20 gives each of 4 replicas 5; "
        + "the nearest that is even is 24")
    #expect(sentence(3, 4, 4) == "3 samples are too few for 4 replicas: each needs one at least")
    #expect(sentence(100, 128, 4) == "a batch of 128 is larger than the whole data set of 100 samples")
  }
}
