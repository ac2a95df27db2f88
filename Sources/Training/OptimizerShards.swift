import Communication
import Compute
import Optimizers

/// Which part of every gradient bucket each rank updates, and keeps the moments of: ZeRO stage 1 (Rajbhandari, Rasley,
/// Ruwase, He; SC 2020, section 5.1).
///
/// A rank gets the sums of its part by the halving of `TreeReduction`, updates these parameters alone, and the doubling
/// hands the new parameters round in place of gradients: the same bytes travel, and moments take 1 / ranks of their
/// memory. The rules work element by element, and what they take norms of is summed in one order whoever has it, so the
/// bits are those of an update that every rank does in full.
public struct OptimizerShards: Sendable {
  let buckets: [Range<Int>]
  let parts: [TreeParts]
  let rank: Int
  /// This rank's elements of each bucket, in the state's block.
  let own: [Range<Int>]
  /// How many elements that is.
  var count: Int { own.reduce(0) { $0 + $1.count } }

  /// - Parameter buckets: ranges of the state's block that are summed at once.
  init(buckets: [Range<Int>], rank: Int, ranks: Int) {
    self.buckets = buckets
    self.rank = rank
    // Whole tiles as far as possible: the norm of all gradients is a sum over tiles.
    parts = buckets.map {
      TreeParts(
        count: $0.count, rank: rank, size: ranks, origin: $0.lowerBound, grain: ParameterLayout.tileElements)
    }
    own = Self.elements(buckets, parts)
  }

  private static func elements(_ buckets: [Range<Int>], _ parts: [TreeParts]) -> [Range<Int>] {
    zip(buckets, parts).map { bucket, parts in
      bucket.lowerBound + parts.own.lowerBound..<bucket.lowerBound + parts.own.upperBound
    }
  }

  /// The elements of `rank`, bucket by bucket.
  func elements(of rank: Int) -> [Range<Int>] { Self.elements(buckets, parts.map { $0.seen(by: rank) }) }

  /// Where the parts of two ranks meet.
  var cuts: [Int] {
    zip(buckets, parts).flatMap { bucket, parts in
      (0..<parts.size).map { bucket.lowerBound + parts.seen(by: $0).own.lowerBound }
    }
  }

  /// Copies this rank's elements of `block` to `compact`, one after the other.
  func take(from block: TensorView, into compact: TensorView) {
    var offset = 0
    for range in own {
      (compact.pointer + offset).update(from: block.pointer + range.lowerBound, count: range.count)
      offset += range.count
    }
  }

  /// Puts the elements of all ranks, each a compact block, where they belong in `block`.
  func spread(_ blocks: [[UInt8]], into block: TensorView) {
    for (rank, bytes) in blocks.enumerated() {
      bytes.withUnsafeBytes { bytes in
        var offset = 0
        for range in elements(of: rank) {
          let source = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + 4 * range.count])
          UnsafeMutableRawBufferPointer(start: block.pointer + range.lowerBound, count: source.count)
            .copyMemory(from: source)
          offset += source.count
        }
      }
    }
  }
}

extension ParameterLayout {
  /// The groups within `range`, counted from its start.
  func part(_ range: Range<Int>) -> ParameterLayout {
    ParameterLayout(
      groups.map { group in
        let inside = group.range.clamped(to: range)
        return ParameterGroup(
          inside.lowerBound - range.lowerBound..<inside.upperBound - range.lowerBound, decays: group.decays,
          rateScale: group.rateScale)
      })
  }
}
