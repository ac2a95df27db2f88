import Compute
import Datasets
import Graphs
import Tasks

/// Looks at every value of a step that runs through the interpreter, replica by replica, and remembers where each went
/// wrong first and what came before.
final class ReplayObserver {
  /// The nodes before a bad one that are remembered.
  static let trailLength = 8

  /// What was seen of one replica.
  struct Sighting {
    var bad: ReplayResult.BadValue?
    /// How many nodes ran before the bad one.
    var position = 0
    /// The last nodes before it.
    var trail: [ReplayResult.Visit] = []
    var largest: ReplayResult.Visit?
    var loss = 0.0
    var sampleLosses: [Double] = []
  }

  private unowned let runners: NetworkRunners
  private unowned let gradients: GradientStep
  private let info: CapsuleInfo
  private(set) var sightings: [Sighting]

  init(_ runners: NetworkRunners, _ gradients: GradientStep, _ info: CapsuleInfo) {
    self.runners = runners
    self.gradients = gradients
    self.info = info
    sightings = info.replicas.map { _ in Sighting() }
  }

  /// Looks at the pictures, before the step.
  func observe(_ batch: Batch) {
    guard batch.count > 0 else { return }
    note("images", .input, [batch.images], batch)
  }

  /// Looks at what a node has written.
  func observe(_ step: Program.Step, _ written: [TensorView]) throws {
    guard let batch = gradients.running else { return }
    let isForward = if case .forward = step.action { true } else { false }
    let replica = batch.address.replica
    if !isForward && sightings[replica].sampleLosses.isEmpty {
      // The forward pass has just ended: what it left is still there.
      let runner = try runners.runner(.training, batch: batch.count)
      sightings[replica].sampleLosses = runners.task.sampleLosses(runner, batch)
    }
    note(step.path, isForward ? .forward : .backward, written, batch)
  }

  private func note(_ path: String, _ pass: StepPass, _ written: [TensorView], _ batch: Batch) {
    let replica = batch.address.replica
    guard sightings[replica].bad == nil else { return }
    var visit: ReplayResult.Visit?
    for view in written {
      let scan = ValueScan(view)
      if scan.badCount > 0 {
        sightings[replica].bad = bad(path, pass, view, scan, batch)
        return
      }
      if visit.map({ scan.largest > $0.largest }) ?? true {
        let sample = runners.state.sample(of: scan.largestIndex, in: view, samples: batch.count)
        visit = .init(path: path, pass: pass, largest: scan.largest, sample: sample.map { identify($0, replica) })
      }
    }
    guard let visit else { return }
    var sighting = sightings[replica]
    sightings[replica] = Sighting()
    sighting.position += 1
    if sighting.trail.count == Self.trailLength { sighting.trail.removeFirst() }
    sighting.trail.append(visit)
    if sighting.largest.map({ visit.largest > $0.largest }) ?? true { sighting.largest = visit }
    sightings[replica] = sighting
  }

  private func bad(
    _ path: String, _ pass: StepPass, _ view: TensorView, _ scan: ValueScan, _ batch: Batch
  ) -> ReplayResult.BadValue {
    let replica = batch.address.replica
    var samples: Set<Int> = []
    for index in 0..<view.count where !view[index].isFinite {
      if let sample = runners.state.sample(of: index, in: view, samples: batch.count) { samples.insert(sample) }
    }
    // What mixes samples spreads one bad one over all: then it is whoever had the largest value just before.
    let before = sightings[replica].trail.last { $0.sample != nil }?.sample
    return ReplayResult.BadValue(
      path: path, pass: pass, value: view[scan.firstBad!], replica: replica, rank: replica / info.perRank,
      shape: view.shape.array, badCount: scan.badCount, samples: samples.sorted().map { identify($0, replica) },
      suspect: samples.count == 1 ? identify(samples.first!, replica) : before)
  }

  private func identify(_ sample: Int, _ replica: Int) -> ReplayResult.Sample {
    let part = info.replicas[replica]
    return .init(replica: replica, position: sample, index: part.indices[sample], name: part.names[sample])
  }
}

extension ModelState {
  /// The sample that an element of `view` belongs to, where the first axis counts samples: not in a parameter's
  /// gradient, whatever its shape.
  func sample(of index: Int, in view: TensorView, samples: Int) -> Int? {
    let isState = view.pointer >= gradients.pointer && view.pointer < gradients.pointer + gradients.count
    guard !isState, view.shape.rank > 1, view.shape[0] == samples else { return nil }
    return index / (view.count / samples)
  }
}
