import Compute

/// For every parameter tensor the Euclidean norms of its weights and of its update, from which LAMB and LARS make their
/// trust ratios.
///
/// A tensor is cut into pieces from its own start. Each piece's squares are summed in double precision, then the pieces'
/// sums in a fixed binary tree: the bits depend neither on the number of workers nor on the tensor's place in the block.
public final class TensorNorms: @unchecked Sendable {
  private let tensors: [ParameterTensor]
  private let pieces: [Piece]
  /// The pieces of each tensor.
  private let piecesOfTensor: [Range<Int>]
  private let weightSums: UnsafeMutableBufferPointer<Double>
  private let updateSums: UnsafeMutableBufferPointer<Double>
  private let weightNorms: UnsafeMutableBufferPointer<Double>
  private let updateNorms: UnsafeMutableBufferPointer<Double>

  private struct Piece {
    let tensor: Int
    let range: Range<Int>
  }

  /// - Parameter layout: one that knows its tensors.
  public init(_ layout: ParameterLayout) {
    precondition(layout.groups.isEmpty || !layout.tensors.isEmpty, "norms of tensors in a layout of groups")
    tensors = layout.tensors
    var pieces: [Piece] = [], piecesOfTensor: [Range<Int>] = []
    for (index, tensor) in tensors.enumerated() {
      let range = tensor.group.range, first = pieces.count
      for start in stride(from: range.lowerBound, to: range.upperBound, by: ParameterLayout.tileElements) {
        let end = min(start + ParameterLayout.tileElements, range.upperBound)
        pieces.append(Piece(tensor: index, range: start..<end))
      }
      piecesOfTensor.append(first..<pieces.count)
    }
    self.pieces = pieces
    self.piecesOfTensor = piecesOfTensor
    func zeros(_ count: Int) -> UnsafeMutableBufferPointer<Double> {
      let memory = UnsafeMutableBufferPointer<Double>.allocate(capacity: count)
      memory.initialize(repeating: 0)
      return memory
    }
    (weightSums, updateSums) = (zeros(pieces.count), zeros(pieces.count))
    (weightNorms, updateNorms) = (zeros(tensors.count), zeros(tensors.count))
  }

  deinit { for memory in [weightSums, updateSums, weightNorms, updateNorms] { memory.deallocate() } }

  /// Measures what `body` gives for sixteen or fewer elements at a time (offset, count, group): their weights and their
  /// update, zero in lanes beyond the count. Ends with a barrier; all workers enter together.
  @inline(__always)
  func measure(_ worker: Worker, _ body: (Int, Int, ParameterGroup) -> (weights: Lanes, update: Lanes)) {
    for index in worker.tiles(pieces.count) {
      let range = pieces[index].range, group = tensors[pieces[index].tensor].group
      var weights = SumOfSquares(), updates = SumOfSquares()
      for offset in stride(from: range.lowerBound, to: range.upperBound, by: 16) {
        let lanes = body(offset, min(16, range.upperBound - offset), group)
        weights.add(lanes.weights)
        updates.add(lanes.update)
      }
      weightSums[index] = weights.total
      updateSums[index] = updates.total
    }
    worker.barrier()
    for tensor in worker.tiles(tensors.count) {
      weightNorms[tensor] = treeSum(weightSums[piecesOfTensor[tensor]]).squareRoot()
      updateNorms[tensor] = treeSum(updateSums[piecesOfTensor[tensor]]).squareRoot()
    }
    worker.barrier()
  }

  /// Runs `body` on sixteen or fewer elements at a time (offset, count, group, factor) with what `factor` makes of their
  /// tensor's norms (group, weights, update).
  @inline(__always)
  func forEachLanes(
    _ worker: Worker, factor: (ParameterGroup, Double, Double) -> Float,
    _ body: (Int, Int, ParameterGroup, Float) -> Void
  ) {
    for index in worker.tiles(pieces.count) {
      let range = pieces[index].range, tensor = pieces[index].tensor, group = tensors[tensor].group
      let factor = factor(group, weightNorms[tensor], updateNorms[tensor])
      for offset in stride(from: range.lowerBound, to: range.upperBound, by: 16) {
        body(offset, min(16, range.upperBound - offset), group, factor)
      }
    }
  }
}
