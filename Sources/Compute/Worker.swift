import CProcessor
import Synchronization

/// One thread of a `WorkerTeam` inside a region.
///
/// Every worker of the team must make the same sequence of `tiles` and `barrier` calls; what they do between them
/// differs only in the tiles they are dealt. Tiles are dealt dynamically, so a result must not depend on who computes a
/// tile.
public final class Worker: @unchecked Sendable {
  /// 0 is the thread that entered the region.
  public let index: Int
  /// The number of workers in the team.
  public let count: Int
  private let shared: TeamState
  private var round = 0
  private var bases = SIMD16<Int>(repeating: 0)
  private var generation = 0

  init(index: Int, shared: TeamState) {
    self.index = index
    self.shared = shared
    count = shared.count
  }

  /// True on exactly one worker: for the short sequential parts of a kernel.
  public var isFirst: Bool { index == 0 }

  /// The tiles 0..<count, each handed to exactly one worker.
  ///
  /// At most 16 such loops may lie between two barriers. The loop must be run to its end.
  public func tiles(_ count: Int) -> TileSequence {
    if self.count == 1 { return TileSequence(counter: nil, position: 0, end: count) }
    let slot = round % TeamState.openLoops
    round += 1
    let base = bases[slot]
    // Each worker draws one number too many to learn that the tiles are gone, so the next base is known without
    // talking.
    bases[slot] = base + count + self.count
    return TileSequence(counter: shared.counters[slot], position: base, end: count)
  }

  /// The ranges of `size` elements (the last may be shorter) that `extent` is cut into, each handed to exactly one
  /// worker.
  public func ranges(_ extent: Int, by size: Int) -> RangeSequence {
    RangeSequence(tiles: tiles((extent + size - 1) / size), extent: extent, size: size)
  }

  /// Returns when every worker of the team has arrived: what they wrote before is visible after.
  public func barrier() {
    if count == 1 { return }
    generation += 1
    shared.arrive(generation)
  }
}

/// Deals tile numbers to the worker that asks.
public struct TileSequence: Sequence, IteratorProtocol {
  let counter: TileCounter?
  var position: Int
  let end: Int

  public mutating func next() -> Int? {
    if let counter {
      let tile = counter.value.wrappingAdd(1, ordering: .relaxed).oldValue - position
      return tile < end ? tile : nil
    }
    guard position < end else { return nil }
    defer { position += 1 }
    return position
  }
}

/// Deals ranges of elements to the worker that asks.
public struct RangeSequence: Sequence, IteratorProtocol {
  var tiles: TileSequence
  let extent: Int
  let size: Int

  public mutating func next() -> Range<Int>? {
    guard let tile = tiles.next() else { return nil }
    return tile * size..<Swift.min((tile + 1) * size, extent)
  }
}

/// A counter that keeps its cache line to itself.
final class TileCounter: Sendable {
  let value = Atomic<Int>(0)
  private let padding = SIMD16<Int>(repeating: 0)
}

/// What the workers of a team share: the tile counters and the barrier.
final class TeamState: @unchecked Sendable {
  /// Loops that may be open at once: workers drift apart by at most the loops between two barriers.
  static let openLoops = 16
  /// About 20 microseconds: operators follow each other faster than a thread wakes, but a rank that shares its core
  /// with another must give it up.
  private static let spins = 1_000

  let count: Int
  let counters: [TileCounter]
  private let arrived = Atomic<Int>(0)
  private let released = Atomic<Int>(0)
  private let lock = Lock()

  init(count: Int) {
    self.count = count
    counters = (0..<Self.openLoops).map { _ in TileCounter() }
  }

  func arrive(_ generation: Int) {
    if arrived.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue == generation * count {
      lock.withLock {
        released.store(generation, ordering: .releasing)
        lock.broadcast()
      }
      return
    }
    for _ in 0..<Self.spins {
      if released.load(ordering: .acquiring) >= generation { return }
      processor_pause()
    }
    lock.withLock {
      while released.load(ordering: .acquiring) < generation { lock.wait() }
    }
  }
}
