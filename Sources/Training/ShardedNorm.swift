import Communication
import Compute
import Optimizers

/// The norm of all gradients where each rank has the sums of its part alone; the bits are those of `GradientNorm`.
///
/// That sum associates by tiles. A tile within one rank's part is summed there; the few that several ranks share are put
/// together first, by a sum in which all but one addend of each element are zero, which is exact.
final class ShardedNorm {
  private let norm: GradientNorm
  private let shards: OptimizerShards
  private let ownTiles: [Int]
  private let sharedTiles: [Int]
  private let memory: Arena

  init(_ norm: GradientNorm, _ shards: OptimizerShards, ranks: Int) throws {
    self.norm = norm
    self.shards = shards
    let side = ParameterLayout.tileElements
    let all = (0..<ranks).map { shards.elements(of: $0) }
    // A tile belongs to one rank when that rank's pieces cover it.
    func coverage(_ tile: Range<Int>, of pieces: [Range<Int>]) -> Int {
      pieces.reduce(0) { $0 + $1.clamped(to: tile).count }
    }
    var own: [Int] = [], shared: [Int] = []
    for tile in 0..<norm.tileCount {
      let range = tile * side..<min((tile + 1) * side, norm.extent)
      let owner = all.indices.first { coverage(range, of: all[$0]) == range.count }
      if owner == nil { shared.append(tile) } else if owner == shards.rank { own.append(tile) }
    }
    (ownTiles, sharedTiles) = (own, shared)
    memory = try Arena(byteCount: shared.count * side * MemoryLayout<Float>.stride)
  }

  /// All ranks call this together.
  /// - Parameter statistics: elements whose sums should be finite.
  func measure(
    _ gradients: TensorView, _ statistics: Range<Int>, _ team: WorkerTeam, over queue: ReductionQueue
  ) throws -> (norm: Double, hasFiniteStatistics: Bool) {
    let side = ParameterLayout.tileElements, count = sharedTiles.count * side
    let copies = memory.view(at: 0, [count]).pointer
    copies.update(repeating: 0, count: count)
    for (place, tile) in sharedTiles.enumerated() {
      for piece in shards.own {
        let range = piece.clamped(to: tile * side..<(tile + 1) * side)
        (copies + place * side + range.lowerBound - tile * side)
          .update(from: gradients.pointer + range.lowerBound, count: range.count)
      }
    }
    nonisolated(unsafe) let shared = copies
    try queue.wait(queue.perform("norm of shared tiles") {
      try $0.allReduce("norm of shared tiles", shared, count: count)
    })
    norm.clear()
    team.run { [norm, ownTiles, sharedTiles, shards] worker in
      for index in worker.tiles(ownTiles.count) { norm.measure(tile: ownTiles[index], of: gradients.pointer) }
      guard shards.rank == 0 else { return }
      for index in worker.tiles(sharedTiles.count) {
        norm.measure(tile: sharedTiles[index], at: shared + index * side)
      }
    }
    let bad = shards.own.reduce(0) { $0 + $1.clamped(to: statistics).count { !gradients[$0].isFinite } }
    let own = norm.tileSums + [Double(bad)]
    let sums = try queue.run("norm") { try $0.allReduce("norm", own, .sum) }
    norm.tileSums = Array(sums.dropLast())
    return (norm.value, sums.last == 0)
  }
}
