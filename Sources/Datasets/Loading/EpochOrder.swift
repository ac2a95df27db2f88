import Compute

/// The order in which one epoch visits the samples: a permutation that is computed index by index, never stored.
///
/// A generalised Feistel network (Black and Rogaway, CT-RSA 2002, section 5) permutes rows x columns, the smallest
/// grid of nearly equal sides that holds `count` cells; a cell beyond `count` is permuted again until it falls inside
/// (cycle walking), which happens about once in sqrt(count) draws. The usual network over the next power of four
/// walks up to three times for every sample. Because any position is reached at once, a resume in mid-epoch is a
/// seek.
public struct EpochOrder: Hashable, Sendable {
  /// The number of samples.
  public let count: Int
  /// Samples that stay together, one after the other: clips are shuffled, not their frames.
  private let framesPerClip: Int
  private let clips: Int
  /// The keys of the rounds; none when samples come in their natural order.
  private let rounds: [RandomKey]
  private let rows: Int
  private let columns: Int

  /// The order of `epoch`. The epoch is part of the key: there is nothing to set between epochs.
  /// - Parameter isShuffled: `false` gives the natural order 0, 1, 2 …
  public init(count: Int, seed: UInt64, epoch: Int, isShuffled: Bool = true, framesPerClip: Int = 1) {
    precondition(
      count >= 0 && framesPerClip > 0 && count % framesPerClip == 0,
      "an order of \(count) samples in clips of \(framesPerClip)")
    self.count = count
    self.framesPerClip = framesPerClip
    clips = count / framesPerClip
    rows = Self.squareRoot(roundedUp: clips)
    columns = rows == 0 ? 0 : (clips + rows - 1) / rows
    let key = RandomKey(seed).appending("epoch order").appending(epoch)
    rounds = isShuffled ? (0..<Self.roundCount).map { key.appending($0) } : []
  }

  /// Four rounds make a strong pseudo-random permutation (Luby and Rackoff 1988) of large grids; small ones need more.
  private static let roundCount = 8

  /// The sample that comes at `position`, 0..<count.
  public func index(at position: Int) -> Int {
    precondition(position >= 0 && position < count, "position \(position) of \(count)")
    if rounds.isEmpty { return position }
    var (cell, frame) = position.quotientAndRemainder(dividingBy: framesPerClip)
    repeat { cell = permuted(cell) } while cell >= clips
    return cell * framesPerClip + frame
  }

  /// Each half in turn is shifted by a pseudo-random function of the other, which undoes as easily as it is done.
  private func permuted(_ cell: Int) -> Int {
    var (row, column) = cell.quotientAndRemainder(dividingBy: columns)
    for round in stride(from: 0, to: Self.roundCount, by: 2) {
      row = Self.shifted(row, by: rounds[round].appending(column), modulo: rows)
      column = Self.shifted(column, by: rounds[round + 1].appending(row), modulo: columns)
    }
    return row * columns + column
  }

  private static func shifted(_ value: Int, by key: RandomKey, modulo size: Int) -> Int {
    let sum = value + Int(key.bits.multipliedFullWidth(by: UInt64(size)).high)
    return sum < size ? sum : sum - size
  }

  private static func squareRoot(roundedUp value: Int) -> Int {
    var root = Int(Double(value).squareRoot())
    while root * root < value { root += 1 }
    return root
  }
}
