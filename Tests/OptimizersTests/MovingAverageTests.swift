import Compute
import Optimizers
import Testing

@Suite struct MovingAverageTests {
  @Test func decayWarmsUp() {
    let average = MovingAverage(decay: 0.5, warmsUp: true)
    #expect(average.decay(at: 0) == 0.1)
    #expect(average.decay(at: 1) == 2.0 / 11)
    #expect(average.decay(at: 100) == 0.5)
    #expect(MovingAverage(decay: 0.5).decay(at: 0) == 0.5)
  }

  @Test(arguments: [1, 2, 3]) func movesTowardsTheValues(workers: Int) {
    let count = 40_003
    let memory = UnsafeMutablePointer<Float>.allocate(capacity: 2 * count)
    defer { memory.deallocate() }
    for index in 0..<count { (memory + index).initialize(to: Float(index % 17)) }
    for index in 0..<count { (memory + count + index).initialize(to: Float(index % 5)) }
    let view = TensorView(memory, [2 * count])
    WorkerTeam(count: workers).run { worker in
      MovingAverage(decay: 0.75).update(
        view.pointer, towards: UnsafePointer(view.pointer + count), count: count, step: 0, worker)
    }
    // Quarters of small whole numbers are exact.
    #expect((0..<count).allSatisfy { memory[$0] == 0.75 * Float($0 % 17) + 0.25 * Float($0 % 5) })
  }
}
