import Compute
import Synchronization

/// What the threads of a loader share: the batches being filled, in a ring, and what of them is still to be done.
///
/// Work is claimed a few samples at a time from the oldest batch that has unclaimed ones, so several threads fill one
/// batch when it is needed soon, and a slow file holds up nobody else. What a sample becomes depends on its key
/// alone; who loads it does not matter.
final class LoadingQueue: @unchecked Sendable {
  private let loading: SampleLoading
  private let sequence: BatchSequence
  private let mixing: Mixing?
  private let mixingKey: RandomKey
  private let samplesPerClaim: Int
  private let lock = Lock()
  private let isClosed = Atomic<Bool>(false)

  // All below is guarded by `lock`.
  private var ring: [Slot?]
  private var openedCount = 0
  private var deliveredCount = 0
  private var spares: [Batch] = []
  private var busy = Duration.zero

  /// A batch that is being filled.
  private struct Slot {
    let batch: Batch
    let order: EpochOrder
    let start: Int
    var claimedCount = 0
    var loadedCount = 0
    /// Loaded, and mixed where that is asked for.
    var isComplete = false
  }

  /// Samples of one batch that one thread has undertaken to load.
  struct Claim {
    fileprivate let slot: Int
    fileprivate let batch: Batch
    fileprivate let order: EpochOrder
    fileprivate let start: Int
    fileprivate let places: Range<Int>
  }

  init(_ loading: SampleLoading, _ sequence: BatchSequence, _ mixing: Mixing?, batchesAhead: Int, threads: Int) {
    self.loading = loading
    self.sequence = sequence
    self.mixing = mixing
    mixingKey = RandomKey(sequence.seed).appending("mixing")
    // A quarter of each thread's part: small enough to even out slow files, large enough to keep the lock quiet.
    samplesPerClaim = max(1, sequence.schedule.replicaBatch / (4 * max(threads, 1)))
    ring = Array(repeating: nil, count: batchesAhead)
  }

  /// The time that all threads together have spent on loading.
  var busyTime: Duration { lock.withLock { busy } }

  /// Loads until the sequence is through or the queue is closed.
  func run() {
    lock.lock()
    defer { lock.unlock() }
    while true {
      if let claim = claim() {
        load(claim)
      } else if isClosed.load(ordering: .relaxed) || openedCount == sequence.count {
        return
      } else {
        lock.wait()
      }
    }
  }

  /// Takes the next batch out, waiting for the threads, or loading here and now where there are none.
  /// - Returns: `nil` at the end of the sequence, or when the queue is closed.
  func take(loadingHere: Bool) -> Batch? {
    lock.lock()
    defer { lock.unlock() }
    while deliveredCount < sequence.count && !isClosed.load(ordering: .relaxed) {
      if let slot = ring[deliveredCount % ring.count], slot.isComplete {
        ring[deliveredCount % ring.count] = nil
        deliveredCount += 1
        lock.broadcast()
        return slot.batch
      }
      if loadingHere, let claim = claim() { load(claim) } else { lock.wait() }
    }
    return nil
  }

  /// Takes back a batch that nobody holds any more.
  func recycle(_ batch: Batch) { lock.withLock { spares.append(batch) } }

  /// Ends all waiting; threads finish the sample at hand and leave.
  func close() {
    isClosed.store(true, ordering: .relaxed)
    lock.withLock { lock.broadcast() }
  }

  /// The next samples to load; `nil` when there are none, or no room to begin another batch. The lock is held.
  private func claim() -> Claim? {
    while !isClosed.load(ordering: .relaxed) {
      let newest = (openedCount + ring.count - 1) % ring.count
      if let slot = ring[newest], slot.claimedCount < slot.batch.count {
        let end = min(slot.claimedCount + samplesPerClaim, slot.batch.count)
        ring[newest]?.claimedCount = end
        return Claim(
          slot: newest, batch: slot.batch, order: slot.order, start: slot.start, places: slot.claimedCount..<end)
      }
      guard openedCount < sequence.count, openedCount < deliveredCount + ring.count else { return nil }
      open()
    }
    return nil
  }

  /// Puts the next batch of the sequence into the ring. The lock is held.
  private func open() {
    let address = sequence[openedCount]
    let positions = sequence.schedule.positions(step: address.step, replica: address.replica)
    let batch =
      spares.popLast() ?? Batch(capacity: sequence.schedule.replicaBatch, sampleShape: loading.pipeline.outputShape)
    batch.address = address
    batch.count = positions.count
    batch.broken = []
    batch.isMixed = false
    ring[openedCount % ring.count] = Slot(
      batch: batch, order: sequence.order(ofEpoch: address.epoch), start: positions.lowerBound,
      isComplete: batch.count == 0)
    openedCount += 1
    // An empty batch is complete as it is opened.
    if batch.count == 0 { lock.broadcast() }
  }

  /// Loads what was claimed. The lock is held before and after, and given up in between.
  private func load(_ claim: Claim) {
    lock.unlock()
    let began = ContinuousClock.now
    var broken: [BrokenSample] = []
    for place in claim.places {
      if isClosed.load(ordering: .relaxed) { break }
      let visit = sequence.schedule.visit(at: claim.start + place)
      let index = claim.order.index(at: visit.position)
      if let failure = loading.load(index, copy: visit.copy, into: claim.batch, at: place) { broken.append(failure) }
    }
    let took = ContinuousClock.now - began
    lock.lock()
    busy += took
    claim.batch.broken += broken
    ring[claim.slot]?.loadedCount += claim.places.count
    if ring[claim.slot]?.loadedCount == claim.batch.count { complete(claim) }
  }

  /// Ends a batch whose samples are all loaded. The lock is held before and after, and given up for the mixing.
  private func complete(_ claim: Claim) {
    if let mixing, !isClosed.load(ordering: .relaxed) {
      lock.unlock()
      let began = ContinuousClock.now
      claim.batch.mix(mixing, key: mixingKey)
      let took = ContinuousClock.now - began
      lock.lock()
      busy += took
    }
    ring[claim.slot]?.isComplete = true
    lock.broadcast()
  }
}
