import Communication
import Compute
import Glibc
import Graphs
import Layers
import Optimizers
import Tasks

/// Times whole training steps of one network on random images: forward, backward, SGD with momentum.
///
/// Nothing is read and nothing sent, so what is measured is the computing alone. The images are copied into place in
/// every step, as in a training.
public struct StepBenchmark {
  /// What was measured.
  public struct Result: Sendable {
    /// The median over the timed steps.
    public let stepSeconds: Double
    /// The largest resident set of this process so far.
    public let peakMemoryBytes: Int
    /// Operations a second of matrix products on all workers at once: the median of a round after every step, since the
    /// clock of a shared machine moves while the steps run. Where each operator is measured, of rounds between them too.
    public let gemmFlops: Double
    /// Bytes a second, read and written, of copies by all workers at once, likewise; 0 when steps are not measured.
    public let copyBytes: Double
    /// Two for each multiply-add of both passes, counted directly.
    public let flopsPerImage: Double
    public let arenaBytes: Int
    /// The most bytes of the arena that are alive at one step: no layout could do with less.
    public let arenaLowerBoundBytes: Int
    /// The last step's loss: finite, or the figures mean nothing.
    public let loss: Float
    /// Where the time went, one for each distinct work, most first; empty when not asked for.
    public let cases: [Case]

    /// The part of the machine's rate in matrix products that the whole step reaches.
    public func shareOfPeak(batch: Int) -> Double { flopsPerImage * Double(batch) / stepSeconds / gemmFlops }
  }

  /// All steps that do the same work, in one training step.
  public struct Case: Sendable {
    public let work: WorkCase
    public var count = 0
    /// The median over the timed training steps, as the rates that it is held against are medians.
    public var seconds = 0.0
    /// Those that the chosen method does: Winograd's does fewer than the definition.
    public var multiplyAdds = 0
    public var bytesMoved = 0
  }

  private let plan: Plan
  private let state: ModelState
  private let team: WorkerTeam
  private let runner: PlanRunner
  private let update: ParameterUpdate
  private let images: [Float]
  private let batch: Int
  private let classes: Int
  private let measuresSteps: Bool

  /// Plans the network and takes the memory for its training.
  /// - Throws: `TraceError` for images that do not fit, `MemoryBudgetError` for too small a budget, `ArenaError` when
  ///   the memory is not to be had.
  public init(
    _ network: any Module, classes: Int, batch: Int, image: Shape, team: WorkerTeam,
    bucketBytes: Int = BucketSize.standard, memoryBudget: MemoryBudget = .auto,
    rewrites: [any Rewrite] = Plan.rewrites, measuresSteps: Bool = false
  ) throws {
    let graph = try NetworkRunners.graph(network, Classification(), batch: batch, image: image, mode: .training)
    plan = try Plan(
      graph, workers: team.count, bucketBytes: bucketBytes, rewrites: rewrites, budget: memoryBudget)
    state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(0))
    let arena = try Arena(byteCount: plan.arena.byteCount, firstTouchedBy: team)
    runner = PlanRunner(plan, state: state, team: team, arena: arena, measuresSteps: measuresSteps)
    update = try ParameterUpdate(
      StochasticGradientDescent(momentum: 0.9), Schedule(peakRate: 0.01, curve: ConstantCurve(), runSteps: 1), .none,
      average: nil, decaysEverything: false, state: state, team: team)
    var stream = RandomStream(RandomKey(1))
    images = (0..<batch * image.count).map { _ in stream.uniform(-1.7, 1.7) }
    self.team = team
    self.batch = batch
    self.classes = classes
    self.measuresSteps = measuresSteps
  }

  /// Takes `warmup` steps, one at least, and then `steps` that are timed.
  /// - Throws: `ArenaError` when there is no memory for measuring the machine.
  public func run(steps: Int, warmup: Int) throws -> Result {
    for step in 0..<warmup { try takeStep(step) }
    var courses: [StepComputation] = [], products: [Double] = [], copies: [Double] = []
    var stepSeconds = [[Double]](repeating: [], count: plan.program.steps.count)
    // Every step takes the same memory. The matrices of the measurements beside them are not the network's.
    if warmup == 0 { try takeStep(0) }
    let peak = Self.peakResidentBytes
    let productProbe = try PeakRate.products(team), copyProbe = measuresSteps ? try PeakRate.copies(team) : nil
    func probe() {
      products.append(productProbe.round())
      if let copyProbe { copies.append(copyProbe.round()) }
    }
    if measuresSteps { runner.pause = probe }
    defer { runner.pause = nil }
    for step in 0..<steps {
      courses.append(try takeStep(warmup + step))
      for (index, nanoseconds) in runner.stepNanoseconds.enumerated() {
        stepSeconds[index].append(Double(nanoseconds) * 1e-9)
      }
      probe()
    }
    return Result(
      stepSeconds: Self.median(courses.map(\.seconds)), peakMemoryBytes: peak, gemmFlops: Self.median(products),
      copyBytes: copies.isEmpty ? 0 : Self.median(copies),
      flopsPerImage: 2 * Double(plan.program.multiplyAdds) / Double(batch), arenaBytes: plan.arena.byteCount,
      arenaLowerBoundBytes: plan.arena.lowerBoundBytes, loss: runner.output("loss")[0],
      cases: measuresSteps
        ? cases(stepSeconds.map(Self.median), update: Self.median(courses.map(\.updateSeconds))) : [])
  }

  /// The course of a step: the medians over `steps`, after `warmup` that are not timed.
  public func course(steps: Int, warmup: Int) throws -> StepComputation {
    for step in 0..<warmup { try takeStep(step) }
    return Self.median(try (0..<steps).map { try takeStep(warmup + $0) })
  }

  /// The same while the gradients are summed over the ranks of `queue` as they become final, so that what sending takes
  /// from the processors is in the times; what a step then waits for the last sums is not. Collective.
  /// - Parameters:
  ///   - overlaps: whether sums begin as soon as they can, or all after the backward pass, as in the training.
  ///   - link: of these ranks, as it is while nobody computes.
  /// - Returns: the course, and how many times as long as `link` says the sums took until the backward pass ended, over
  ///   all ranks and steps; 1 at least.
  /// - Throws: what a sum throws.
  public func course(
    steps: Int, warmup: Int, summing queue: ReductionQueue, overlaps: Bool, over link: LinkModel
  ) throws -> (computation: StepComputation, slowdown: Double) {
    for step in 0..<warmup { try takeStep(step, queue, overlaps: overlaps) }
    var courses: [StepComputation] = [], passed = 0.0, done = 0.0
    for step in 0..<steps {
      let start = Moment.now.nanoseconds
      courses.append(try takeStep(warmup + step, queue, overlaps: overlaps))
      let backwardEnd = start + Int(courses[step].gradientSeconds * 1e9)
      let sums = queue.records().filter { $0.started.nanoseconds >= start }
      for (sum, bytes) in zip(sums, plan.bucketBytes) where sum.started.nanoseconds < backwardEnd {
        // After the end a sum is as fast as the link.
        let after = Double(max(sum.ended.nanoseconds - backwardEnd, 0)) * 1e-9
        passed += Double(min(sum.ended.nanoseconds, backwardEnd) - sum.started.nanoseconds) * 1e-9
        done += max(link.allReduceSeconds(bytes: bytes, ranks: queue.size) - after, 0)
      }
    }
    let totals = try queue.run("timing") { [passed, done] in try $0.allReduce("timing", [passed, done], .sum) }
    return (Self.median(courses), totals[1] > 0 ? max(totals[0] / totals[1], 1) : 1)
  }

  private func cases(_ seconds: [Double], update: Double) -> [Case] {
    var cases: [WorkCase: Case] = [:]
    for (step, seconds) in zip(plan.program.steps, seconds) {
      let work = plan.program.workCase(of: step)
      var sum = cases[work] ?? Case(work: work)
      sum.count += 1
      sum.seconds += seconds
      sum.multiplyAdds += plan.program.computedMultiplyAdds(of: step)
      sum.bytesMoved += plan.program.bytesMoved(by: step)
      cases[work] = sum
    }
    let work = WorkCase(kind: StepKind(name: "sgd", direction: "update"), outputs: [state.values.shape])
    // Reads parameters, gradients and momenta, writes parameters and momenta.
    cases[work] = Case(work: work, count: 1, seconds: update, bytesMoved: 5 * state.values.shape.byteCount)
    return cases.values.sorted { $0.seconds > $1.seconds }
  }

  /// - Returns: when its parts were done.
  @discardableResult
  private func takeStep(_ step: Int, _ queue: ReductionQueue? = nil, overlaps: Bool = true) throws -> StepComputation {
    let start = now(), pausedBefore = runner.pausedNanoseconds
    func passed() -> Double { Double(now() - start - (runner.pausedNanoseconds - pausedBefore)) * 1e-9 }
    var ready: [Double] = []
    ready.reserveCapacity(plan.buckets.count)
    images.withUnsafeBufferPointer { runner.input("images").pointer.update(from: $0.baseAddress!, count: $0.count) }
    let labels = runner.input("labels"), weights = runner.input("weights")
    for sample in 0..<batch {
      labels[sample] = Float(sample % classes)
      weights[sample] = 1
    }
    runner.forward(random: RandomKey(2).appending(step))
    runner.seed("loss")[0] = 1 / Float(batch)
    func submit(_ bucket: Int) {
      let range = plan.buckets[bucket]
      queue?.submit("bucket", state.gradients.pointer + range.lowerBound, count: range.count)
    }
    runner.backward { bucket in
      ready.append(passed())
      if overlaps { submit(bucket) }
    }
    let gradients = passed()
    if !overlaps { plan.buckets.indices.forEach(submit) }
    try queue?.waitAll()
    let summed = passed()
    try update.apply(step: step)
    return StepComputation(
      bucketReadySeconds: ready, gradientSeconds: gradients, updateSeconds: passed() - summed)
  }

  private static func median(_ courses: [StepComputation]) -> StepComputation {
    StepComputation(
      bucketReadySeconds: courses[0].bucketReadySeconds.indices.map { bucket in
        median(courses.map { $0.bucketReadySeconds[bucket] })
      },
      gradientSeconds: median(courses.map(\.gradientSeconds)), updateSeconds: median(courses.map(\.updateSeconds)))
  }

  /// The largest resident set of this process so far, in bytes.
  static var peakResidentBytes: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }

  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted(), middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
