import CProcessor
import Synchronization

/// One thread of a `WorkerTeam` inside a region.
///
/// Every worker of the team must make the same sequence of `tiles` and `barrier` calls; what they do between them
/// differs only in the tiles they are dealt. A worker is dealt tiles that follow each other as long as there are such,
/// which is what the processor's prefetching counts on, and the same ones in loops of the same length, which it then
/// finds in its cache; whoever is through takes from the others. A result must not depend on who computes a tile.
public final class Worker: @unchecked Sendable {
  /// 0 is the thread that entered the region.
  public let index: Int
  /// The number of workers in the team.
  public let count: Int
  fileprivate let shared: TeamState
  private var round = 0
  /// What each counter stands at when the next loop that uses it begins.
  private let bases: UnsafeMutablePointer<Int>
  private var generation = 0

  init(index: Int, shared: TeamState) {
    self.index = index
    self.shared = shared
    count = shared.count
    bases = .allocate(capacity: shared.counters.count)
    bases.initialize(repeating: 0, count: shared.counters.count)
  }

  deinit { bases.deallocate() }

  /// True on exactly one worker: for the short sequential parts of a kernel.
  public var isFirst: Bool { index == 0 }

  /// The tiles 0..<count, each handed to exactly one worker.
  ///
  /// At most 16 such loops may lie between two barriers. The loop must be run to its end.
  public func tiles(_ count: Int) -> TileSequence {
    if self.count == 1 { return TileSequence(all: count) }
    let slot = round % TeamState.openLoops * shared.stretches
    round += 1
    return TileSequence(count, self, slot)
  }

  /// The counter of a stretch of `tiles` tiles, and what it stood at when the loop began.
  fileprivate func open(_ counter: Int, tiles: Int) -> (TileCounter, base: Int) {
    let base = bases[counter]
    // Each worker draws one number too many to learn that the tiles are gone, so the next base is known without
    // talking.
    bases[counter] = base + tiles + count
    return (shared.counters[counter], base)
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

/// Deals tile numbers to the worker that asks: first those of its own stretch, then those that others have left.
public struct TileSequence: Sequence, IteratorProtocol {
  private let worker: Worker?
  private let count: Int
  private let slot: Int
  private var stretch = 0
  /// Stretches after this one.
  private var left = 0
  private var counter: TileCounter?
  /// What a number drawn lies above its tile.
  private var offset = 0
  private var end: Int

  /// For a worker alone.
  init(all count: Int) {
    (worker, self.count, slot, end) = (nil, count, 0, count)
  }

  init(_ count: Int, _ worker: Worker, _ slot: Int) {
    (self.worker, self.count, self.slot, end) = (worker, count, slot, 0)
    left = worker.shared.stretches
    stretch = worker.index * left / worker.count
    open()
  }

  private mutating func open() {
    let worker = worker.unsafelyUnwrapped, stretches = worker.shared.stretches
    left -= 1
    let start = stretch * count / stretches
    end = (stretch + 1) * count / stretches
    let (counter, base) = worker.open(slot + stretch, tiles: end - start)
    self.counter = counter
    offset = base - start
    stretch = stretch + 1 == stretches ? 0 : stretch + 1
  }

  @inline(__always)
  public mutating func next() -> Int? {
    guard worker != nil else {
      guard offset < end else { return nil }
      defer { offset += 1 }
      return offset
    }
    while true {
      let tile = counter.unsafelyUnwrapped.value.wrappingAdd(1, ordering: .relaxed).oldValue - offset
      if tile < end { return tile }
      if left == 0 { return nil }
      open()
    }
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
  /// The parts that the tiles of a loop are cut into: one for each worker, but so few that a worker looks into all of
  /// them quickly.
  let stretches: Int
  /// Of every open loop, one for each stretch.
  let counters: [TileCounter]
  private let arrived = Atomic<Int>(0)
  private let released = Atomic<Int>(0)
  private let lock = Lock()

  init(count: Int) {
    self.count = count
    stretches = min(count, 8)
    counters = (0..<Self.openLoops * stretches).map { _ in TileCounter() }
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
