import Compute

/// A matrix product for each entry of the leading axes: y[b] = op(a[b]) · op(c[b]), op being nothing or a
/// transposition.
///
/// Inputs: a `[..., M, K]` (or `[..., K, M]` transposed) and c `[..., K, N]` (or `[..., N, K]`); output `[..., M, N]`.
public struct BatchedMatrixProduct: Operator {
  public let transposesFirst: Bool
  public let transposesSecond: Bool

  public init(transposesFirst: Bool = false, transposesSecond: Bool = false) {
    self.transposesFirst = transposesFirst
    self.transposesSecond = transposesSecond
  }

  public var name: String { "batched_matrix_product" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let a = inputs[0], c = inputs[1]
    guard a.rank == c.rank, a.rank >= 2, a.array.dropLast(2) == c.array.dropLast(2),
      a[transposesFirst ? -2 : -1] == c[transposesSecond ? -1 : -2]
    else {
      throw ShapeError(
        "cannot multiply matrices \(a)\(transposesFirst ? " transposed" : "") and \(c)\(transposesSecond ? " transposed" : "")")
    }
    var output = a
    output[-2] = a[transposesFirst ? -1 : -2]
    output[-1] = c[transposesSecond ? -2 : -1]
    return [output]
  }

  public var keeps: Kept { Kept(inputs: [0, 1]) }

  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int {
    outputs[0].count * inputs[0][transposesFirst ? -2 : -1]
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    product(call.inputs[0], transposesFirst, call.inputs[1], transposesSecond, into: call.outputs[0], false, worker)
  }

  /// With y = a c: da = dy cᵀ, dc = aᵀ dy; where an operand is stored transposed, so is its gradient.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0] else { return }
    let a = call.inputs[0], c = call.inputs[1]
    if let da = call.inputGradients[0] {
      if transposesFirst {
        product(c, transposesSecond, dy, true, into: da.view, da.accumulates, worker)
      } else {
        product(dy, false, c, !transposesSecond, into: da.view, da.accumulates, worker)
      }
    }
    if let dc = call.inputGradients[1] {
      if transposesSecond {
        product(dy, true, a, transposesFirst, into: dc.view, dc.accumulates, worker)
      } else {
        product(a, !transposesFirst, dy, false, into: dc.view, dc.accumulates, worker)
      }
    }
  }

  /// Tiles are (matrix, block of 128 rows): attention has many small matrices, one large batch of them.
  private func product(
    _ a: TensorView, _ transposesA: Bool, _ c: TensorView, _ transposesC: Bool, into y: TensorView, _ accumulates: Bool,
    _ worker: Worker
  ) {
    let m = y.shape[-2], n = y.shape[-1], k = a.shape[transposesA ? -2 : -1]
    let matrices = y.count / (m * n), blocks = (m + 127) / 128
    let widthA = a.shape[-1], widthC = c.shape[-1]
    for tile in worker.tiles(matrices * blocks) {
      let matrix = tile / blocks, row = tile % blocks * 128
      matrixProduct(
        m: min(128, m - row), n: n, k: k,
        MatrixOperand(
          a.pointer + matrix * m * k + (transposesA ? row : row * widthA), leading: widthA, transposed: transposesA),
        MatrixOperand(c.pointer + matrix * k * n, leading: widthC, transposed: transposesC),
        into: y.pointer + matrix * m * n + row * n, leading: n, accumulate: accumulates)
    }
  }
}
