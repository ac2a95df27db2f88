/// A sum over ranks, or over blocks in one rank, that associates along one fixed binary tree:
/// `((b0 + b1) + (b2 + b3)) + ((b4 + b5) + (b6 + b7))`, pairs at distance 1, then 2, then 4.
///
/// A rank that holds several neighbouring blocks adds them up with `sumTree` and the ranks go on with `sum`, so the
/// same eight blocks give the same bits on 1, 2, 4 or 8 ranks.
///
/// Over ranks this is recursive halving and doubling (Thakur, Rabenseifner, Gropp 2005, section 4.4): each rank sends
/// 2 n (p - 1) / p values, the least possible. The nearest pairs go first, so most of the traffic stays inside a host.
public enum TreeReduction {
  /// Adds up `values` over all ranks in place; every rank gets the same bits. Throws unless `size` is a power of two.
  public static func sum(
    _ name: String, _ values: UnsafeMutableBufferPointer<Float>, over communicator: some Communicator
  ) throws {
    let (rank, size) = (communicator.rank, communicator.size)
    guard size & (size - 1) == 0 else { throw communicator.failure(name, .unevenTree(size: size)) }

    // Halving: partners agree on the range that they share, and each goes on with the sums of one half of it.
    var range = 0..<values.count
    var distance = 1
    while distance < size {
      let (kept, given) = halves(of: range, rank: rank, distance: distance)
      let incoming = communicator.scratch.values(Float.self, kept.count)
      try communicator.exchange(
        name, with: rank ^ distance, send: UnsafeRawBufferPointer(UnsafeMutableBufferPointer(rebasing: values[given])),
        receive: UnsafeMutableRawBufferPointer(incoming))
      add(incoming, to: UnsafeMutableBufferPointer(rebasing: values[kept]))
      range = kept
      distance *= 2
    }

    // Doubling: the same exchanges backwards put the halves together again.
    while distance > 1 {
      distance /= 2
      let shared = sharedRange(count: values.count, rank: rank, distance: distance)
      let (kept, missing) = halves(of: shared, rank: rank, distance: distance)
      try communicator.exchange(
        name, with: rank ^ distance, send: UnsafeRawBufferPointer(UnsafeMutableBufferPointer(rebasing: values[kept])),
        receive: UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: values[missing])))
    }
  }

  /// The half that `rank` works on and the half that its partner does.
  private static func halves(
    of range: Range<Int>, rank: Int, distance: Int
  ) -> (own: Range<Int>, other: Range<Int>) {
    let middle = range.lowerBound + range.count / 2
    let (first, second) = (range.lowerBound..<middle, middle..<range.upperBound)
    return rank & distance == 0 ? (first, second) : (second, first)
  }

  /// The range that `rank` and its partner at `distance` share before they halve it.
  private static func sharedRange(count: Int, rank: Int, distance: Int) -> Range<Int> {
    var range = 0..<count
    var nearer = 1
    while nearer < distance {
      range = halves(of: range, rank: rank, distance: nearer).own
      nearer *= 2
    }
    return range
  }

  /// `a + b` and `b + a` have the same bits, so it does not matter which partner's values come first.
  private static func add(_ addends: UnsafeMutableBufferPointer<Float>, to sums: UnsafeMutableBufferPointer<Float>) {
    guard let addends = addends.baseAddress, let target = sums.baseAddress else { return }
    for index in 0..<sums.count { target[index] += addends[index] }
  }
}

/// Adds up `blocks`, element by element along the tree of `TreeReduction`, over `range` of their elements.
///
/// The sums are left in the first block; the others are overwritten with partial sums. The blocks must not overlap.
/// Several workers may each take a range of the same blocks. The association is the tree's for any number of blocks; it
/// goes on over ranks as one tree when the number is a power of two.
public func sumTree(_ blocks: [UnsafeMutablePointer<Float>], _ range: Range<Int>) {
  // A tile of every block stays in the first cache until it is fully added up.
  let tileLength = 1024
  for start in stride(from: range.lowerBound, to: range.upperBound, by: tileLength) {
    let end = min(start + tileLength, range.upperBound)
    var distance = 1
    while distance < blocks.count {
      for lower in stride(from: 0, to: blocks.count - distance, by: 2 * distance) {
        let (sums, addends) = (blocks[lower], blocks[lower + distance])
        for index in start..<end { sums[index] += addends[index] }
      }
      distance *= 2
    }
  }
}
