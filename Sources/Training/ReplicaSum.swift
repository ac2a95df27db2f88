import Communication
import Compute
import Graphs

/// What the ranks make of a step's gradients.
package struct GradientExchange {
  /// Whether buckets are summed while the backward pass goes on, or all after it.
  package var overlaps = true
  /// The part of every bucket that this rank gets the sums of; nil where every rank gets all.
  var shards: OptimizerShards?

  package init(overlaps: Bool = true) { self.overlaps = overlaps }
}

/// Adds the gradients of all replicas along one fixed binary tree: those of this rank as they are computed, then over
/// the ranks, bucket by bucket while the last backward pass goes on.
///
/// Replica 0 is added to 1, 2 to 3, their sums to each other, and so on; a rank runs a contiguous power of two of
/// replicas, so its part is a subtree and the bits do not depend on the number of ranks. Partial sums wait on a stack,
/// as the digits of a binary counter do: log2(replicas) blocks of memory.
final class ReplicaSum {
  private let block: TensorView
  private let buckets: [Range<Int>]
  private let names: [String]
  private let queue: ReductionQueue
  private let replicas: Int
  private let exchange: GradientExchange
  private var waiting: [Arena] = []
  private var isWaiting: [Bool] = []
  private var done = 0
  /// Whether this step's gradients stay in this rank.
  var isLocal = false

  /// - Parameters:
  ///   - block: where each replica leaves its gradients, and where the sum ends.
  ///   - replicas: how many this rank runs in a step.
  ///   - exchange: what the ranks make of the buckets.
  init(
    _ block: TensorView, buckets: [Range<Int>], replicas: Int, queue: ReductionQueue, exchange: GradientExchange
  ) throws {
    self.exchange = exchange
    self.block = block
    self.buckets = buckets
    self.queue = queue
    self.replicas = replicas
    names = buckets.indices.map { "\(Self.bucketName) \($0)" }
    var levels = 0
    while 1 << levels < replicas { levels += 1 }
    waiting = try (0..<levels).map { _ in try Arena(byteCount: block.shape.byteCount) }
    isWaiting = [Bool](repeating: false, count: levels)
  }

  /// What buckets are called in the queue, before their number.
  static let bucketName = "gradients bucket"

  /// Whether the replica that runs next is this rank's last of the step.
  var isLast: Bool { done == replicas - 1 }

  /// Takes the block of a replica that is not the last.
  func addReplica() {
    var level = 0
    while isWaiting[level] {
      add(level, to: 0..<block.count)
      isWaiting[level] = false
      level += 1
    }
    memory(level).update(from: block.pointer, count: block.count)
    isWaiting[level] = true
    done += 1
  }

  /// Takes a bucket of the last replica, and hands it to the ranks.
  func closeBucket(_ index: Int) {
    for level in isWaiting.indices where isWaiting[level] { add(level, to: buckets[index]) }
    if exchange.overlaps && !isLocal { submit(index) }
  }

  private func submit(_ index: Int) {
    let values = block.pointer + buckets[index].lowerBound
    if let shards = exchange.shards {
      queue.scatter(names[index], values, shards.parts[index])
    } else {
      queue.submit(names[index], values, count: buckets[index].count)
    }
  }

  /// Returns when every bucket holds the sum over all replicas, or this rank's part of it.
  func finish() throws {
    if !exchange.overlaps && !isLocal { buckets.indices.forEach(submit) }
    try queue.waitAll()
    for level in isWaiting.indices { isWaiting[level] = false }
    done = 0
  }

  private func memory(_ level: Int) -> UnsafeMutablePointer<Float> {
    waiting[level].base.assumingMemoryBound(to: Float.self)
  }

  private func add(_ level: Int, to range: Range<Int>) {
    addFloats(memory(level) + range.lowerBound, to: block.pointer + range.lowerBound, count: range.count)
  }
}
