import Compute

/// A sum over ranks, or over blocks in one rank, that associates along one fixed binary tree:
/// `((b0 + b1) + (b2 + b3)) + ((b4 + b5) + (b6 + b7))`, pairs at distance 1, then 2, then 4.
///
/// A rank that holds several neighbouring blocks adds them up with `sumTree` and the ranks go on with `sum`, so the
/// same eight blocks give the same bits on 1, 2, 4 or 8 ranks.
///
/// Over ranks this is recursive halving and doubling (Thakur, Rabenseifner, Gropp 2005, section 4.4): each rank sends
/// 2 n (p - 1) / p values, the least possible. The nearest pairs go first, so most of the traffic stays inside a host.
/// The halving alone leaves each rank with the sums of its own part, the doubling alone puts parts together: what a rank
/// does with its part in between, such as the update of its parameters, no other rank has to do.
public enum TreeReduction {
  /// Adds up `values` over all ranks in place; every rank gets the same bits. Throws unless `size` is a power of two.
  public static func sum(
    _ name: String, _ values: UnsafeMutableBufferPointer<Float>, over communicator: some Communicator
  ) throws {
    let parts = try TreeParts(name, count: values.count, communicator)
    try scatterSums(name, values, parts, over: communicator)
    try gatherParts(name, values, parts, over: communicator)
  }

  /// Halving: leaves the sums over all ranks in this rank's part of `values`, partial sums elsewhere.
  static func scatterSums(
    _ name: String, _ values: UnsafeMutableBufferPointer<Float>, _ parts: TreeParts, over communicator: some Communicator
  ) throws {
    for distance in parts.distances {
      let (kept, given) = parts.halves(at: distance)
      let incoming = communicator.scratch.values(Float.self, kept.count)
      try communicator.exchange(
        name, with: parts.rank ^ distance,
        send: UnsafeRawBufferPointer(UnsafeMutableBufferPointer(rebasing: values[given])),
        receive: UnsafeMutableRawBufferPointer(incoming), prepare: { _ in },
        use: { bytes in
          let piece = bytes.elements(of: Float.self)
          let sums = values.baseAddress! + kept.lowerBound
          add(incoming.baseAddress! + piece.lowerBound, to: sums + piece.lowerBound, count: piece.count)
        })
    }
  }

  /// Doubling: gives every rank the parts of all others.
  static func gatherParts(
    _ name: String, _ values: UnsafeMutableBufferPointer<Float>, _ parts: TreeParts, over communicator: some Communicator
  ) throws {
    for distance in parts.distances.reversed() {
      let (kept, missing) = parts.halves(at: distance)
      try communicator.exchange(
        name, with: parts.rank ^ distance,
        send: UnsafeRawBufferPointer(UnsafeMutableBufferPointer(rebasing: values[kept])),
        receive: UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: values[missing])))
    }
  }

  /// `a + b` and `b + a` have the same bits, so it does not matter which partner's values come first.
  private static func add(_ addends: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Float>, count: Int) {
    for index in 0..<count { sums[index] += addends[index] }
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
