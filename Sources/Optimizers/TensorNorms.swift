import Compute

/// For every parameter tensor the Euclidean norms of its weights and of its update, from which LAMB and LARS make their
/// trust ratios.
///
/// A tensor is cut into pieces by the tiles of the block. Each piece's squares are summed in double precision, then the
/// pieces' sums in a fixed binary tree: the bits do not depend on the number of workers, nor on that of the ranks that
/// share the update out. Of a piece that several of these have elements of, each leaves its own in `shared`; added up
/// over the ranks, where all but one addend are zero, they are the piece.
public final class TensorNorms: @unchecked Sendable {
  private let tensors: [ParameterTensor]
  private let pieces: [Piece]
  /// The pieces of each tensor.
  private let piecesOfTensor: [Range<Int>]
  /// For each part of the block that is updated at once: what of which piece lies in it.
  private let fragments: [[Fragment]]
  /// The pieces in `shared`, in their order.
  private let sharedPieces: [Int]
  /// Weights and, behind them, updates of pieces that several ranks have elements of; zero where others have them.
  public let shared: UnsafeMutableBufferPointer<Float>
  /// Each piece's sum of squares of weights and, behind them, of updates; zero where another rank has it.
  public let sums: UnsafeMutableBufferPointer<Double>
  private let norms: UnsafeMutableBufferPointer<Double>

  private struct Piece {
    let tensor: Int
    let range: Range<Int>
  }

  private struct Fragment {
    let piece: Int
    let range: Range<Int>
    /// Where it goes in `shared`.
    let place: Int?
  }

  /// - Parameters:
  ///   - layout: one that knows its tensors.
  ///   - own: the parts of the block that this rank updates, one after the other; `nil` for all of it at once.
  ///   - cuts: where in the block the parts of two ranks meet, inside a tensor or not.
  public init(_ layout: ParameterLayout, own: [Range<Int>]? = nil, cuts: [Int] = []) {
    precondition(layout.groups.isEmpty || !layout.tensors.isEmpty, "norms of tensors in a layout of groups")
    tensors = layout.tensors
    let side = ParameterLayout.tileElements
    var pieces: [Piece] = [], piecesOfTensor: [Range<Int>] = []
    for (index, tensor) in tensors.enumerated() {
      let range = tensor.group.range, first = pieces.count
      for tile in range.lowerBound / side...(range.upperBound - 1) / side {
        pieces.append(Piece(tensor: index, range: range.clamped(to: tile * side..<(tile + 1) * side)))
      }
      piecesOfTensor.append(first..<pieces.count)
    }
    self.pieces = pieces
    self.piecesOfTensor = piecesOfTensor
    sharedPieces = pieces.indices.filter { pieces[$0].range.isCut(by: cuts) }
    let places = Dictionary(uniqueKeysWithValues: sharedPieces.enumerated().map { ($1, $0 * side) })
    fragments = (own ?? [0..<layout.extent]).map { part in
      pieces.indices.compactMap { index in
        let range = pieces[index].range.clamped(to: part)
        guard !range.isEmpty else { return nil }
        let place = places[index].map { $0 + range.lowerBound - pieces[index].range.lowerBound }
        return Fragment(piece: index, range: range, place: place)
      }
    }
    shared = .allocate(capacity: 2 * sharedPieces.count * side)
    sums = .allocate(capacity: 2 * pieces.count)
    norms = .allocate(capacity: 2 * tensors.count)
    norms.initialize(repeating: 0)
    shared.initialize(repeating: 0)
    sums.initialize(repeating: 0)
  }

  deinit {
    shared.deallocate()
    sums.deallocate()
    norms.deallocate()
  }

  /// Forgets what was measured.
  public func clear() {
    shared.update(repeating: 0)
    sums.update(repeating: 0)
  }

  /// Measures what `body` gives for sixteen or fewer elements of the call's part at a time (offset, count, group):
  /// their weights and their update, zero in lanes beyond the count.
  @inline(__always)
  func measure(
    _ call: UpdateCall, _ worker: Worker, _ body: (Int, Int, ParameterGroup) -> (weights: Lanes, update: Lanes)
  ) {
    let half = shared.count / 2
    for index in worker.tiles(fragments[call.part].count) {
      let fragment = fragments[call.part][index], range = fragment.range
      let group = tensors[pieces[fragment.piece].tensor].group
      var weights = SumOfSquares(), updates = SumOfSquares()
      for offset in stride(from: range.lowerBound, to: range.upperBound, by: 16) {
        let count = min(16, range.upperBound - offset)
        let lanes = body(offset - call.origin, count, group)
        if let place = fragment.place, let memory = shared.baseAddress {
          memory.put(lanes.weights, at: place + offset - range.lowerBound, count)
          memory.put(lanes.update, at: half + place + offset - range.lowerBound, count)
        } else {
          weights.add(lanes.weights)
          updates.add(lanes.update)
        }
      }
      guard fragment.place == nil else { continue }
      sums[fragment.piece] = weights.total
      sums[pieces.count + fragment.piece] = updates.total
    }
  }

  /// Sums the pieces in `shared`, once they are whole.
  public func sumShared() {
    guard let memory = shared.baseAddress else { return }
    for (place, piece) in sharedPieces.enumerated() {
      let start = memory + place * ParameterLayout.tileElements, count = pieces[piece].range.count
      sums[piece] = sumOfSquares(start, count)
      sums[pieces.count + piece] = sumOfSquares(start + shared.count / 2, count)
    }
  }

  /// Makes the norms from the sums of all pieces; they hold after the next barrier.
  public func finish(_ worker: Worker) {
    for tensor in worker.tiles(tensors.count) {
      let range = piecesOfTensor[tensor], all = pieces.count
      norms[tensor] = treeSum(sums[range]).squareRoot()
      norms[tensors.count + tensor] = treeSum(sums[range.lowerBound + all..<range.upperBound + all]).squareRoot()
    }
  }

  /// Runs `body` on sixteen or fewer elements of the call's part at a time (offset, count, group, factor) with what
  /// `factor` makes of their tensor's norms (group, weights, update).
  @inline(__always)
  func forEachLanes(
    _ call: UpdateCall, _ worker: Worker, factor: (ParameterGroup, Double, Double) -> Float,
    _ body: (Int, Int, ParameterGroup, Float) -> Void
  ) {
    for index in worker.tiles(fragments[call.part].count) {
      let fragment = fragments[call.part][index], range = fragment.range
      let tensor = pieces[fragment.piece].tensor, group = tensors[tensor].group
      let factor = factor(group, norms[tensor], norms[tensors.count + tensor])
      for offset in stride(from: range.lowerBound, to: range.upperBound, by: 16) {
        body(offset - call.origin, min(16, range.upperBound - offset), group, factor)
      }
    }
  }
}

extension Range<Int> {
  /// Whether one of `cuts` lies inside.
  func isCut(by cuts: [Int]) -> Bool { cuts.contains { lowerBound < $0 && $0 < upperBound } }
}
