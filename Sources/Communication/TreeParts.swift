/// Who works on what in a `TreeReduction`: partners at distance 1, 2, 4 … agree on the range that they share, and each
/// goes on with one half of it, until every rank has a part of its own.
public struct TreeParts: Sendable, Equatable {
  public let count: Int
  public let rank: Int
  public let size: Int
  /// Parts begin at multiples of this, counted from `origin` before the first value, as far as they are long enough.
  public let grain: Int
  public let origin: Int

  /// - Parameters:
  ///   - count: values that are divided.
  ///   - size: ranks, a power of two.
  ///   - origin: where the first value lies in a block whose multiples of `grain` should not be cut.
  public init(count: Int, rank: Int, size: Int, origin: Int = 0, grain: Int = 1) {
    precondition(size > 0 && size & (size - 1) == 0, "a tree over \(size) ranks")
    (self.count, self.rank, self.size, self.origin, self.grain) = (count, rank, size, origin, grain)
  }

  /// Throws where the ranks are no power of two.
  init(_ name: String, count: Int, _ communicator: some Communicator, origin: Int = 0, grain: Int = 1) throws {
    let size = communicator.size
    guard size & (size - 1) == 0 else { throw communicator.failure(name, .unevenTree(size: size)) }
    self.init(count: count, rank: communicator.rank, size: size, origin: origin, grain: grain)
  }

  /// 1, 2, 4 … below `size`.
  var distances: [Int] { Array(sequence(first: 1) { $0 * 2 }.prefix { $0 < size }) }

  /// This rank's part: the values that it alone adds up in full.
  public var own: Range<Int> { shared(before: size) }

  /// The same division as another rank sees it.
  public func seen(by rank: Int) -> TreeParts {
    TreeParts(count: count, rank: rank, size: size, origin: origin, grain: grain)
  }

  /// The half that this rank works on from `distance` on, and the half that its partner does.
  func halves(at distance: Int) -> (own: Range<Int>, other: Range<Int>) {
    let range = shared(before: distance), middle = middle(of: range)
    let (first, second) = (range.lowerBound..<middle, middle..<range.upperBound)
    return rank & distance == 0 ? (first, second) : (second, first)
  }

  /// The range that this rank and its partner at `distance` share before they halve it.
  private func shared(before distance: Int) -> Range<Int> {
    var range = 0..<count
    var nearer = 1
    while nearer < distance {
      let middle = middle(of: range)
      range = rank & nearer == 0 ? range.lowerBound..<middle : middle..<range.upperBound
      nearer *= 2
    }
    return range
  }

  private func middle(of range: Range<Int>) -> Int {
    let middle = range.lowerBound + range.count / 2
    let aligned = (origin + middle) / grain * grain - origin
    return aligned > range.lowerBound ? aligned : middle
  }
}
