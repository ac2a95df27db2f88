import COpenBLAS

/// A row-major matrix as an operand of a product: where it lies, the floats from one stored row to the next, and
/// whether the product takes its transpose.
public struct MatrixOperand {
  public let pointer: UnsafePointer<Float>
  public let leading: Int
  public let isTransposed: Bool

  @inlinable
  public init(_ pointer: UnsafePointer<Float>, leading: Int, transposed: Bool = false) {
    self.pointer = pointer
    self.leading = leading
    isTransposed = transposed
  }

  /// This operand from `row` and `column` of the matrix that the product sees.
  @inlinable
  func advanced(row: Int, column: Int) -> MatrixOperand {
    MatrixOperand(
      pointer + (isTransposed ? column * leading + row : row * leading + column), leading: leading,
      transposed: isTransposed)
  }
}

/// C = A · B, or C += A · B, on one thread: a single call of OpenBLAS's `sgemm`.
///
/// A is `m × k`, B is `k × n`, C is `m × n` with `leading` floats from row to row. Teams share a product by giving each
/// worker tiles of C: see `Worker.matrixProduct`.
@inlinable
public func matrixProduct(
  m: Int, n: Int, k: Int, _ a: MatrixOperand, _ b: MatrixOperand, into c: UnsafeMutablePointer<Float>, leading: Int,
  accumulate: Bool = false
) {
  cblas_sgemm(
    CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
    blasint(m), blasint(n), blasint(k), 1, a.pointer, blasint(a.leading), b.pointer, blasint(b.leading),
    accumulate ? 1 : 0, c, blasint(leading))
}

extension Worker {
  /// A matrix product shared by the team: C is cut into tiles whose size depends on the shapes alone, so the result
  /// does not depend on the number of workers. The caller puts a barrier before it reads C.
  ///
  /// Tiles of 256 x 256 reach 0.97 of the peak of one large product and still give 8 tiles for 49 x 2048 x 512.
  public func matrixProduct(
    m: Int, n: Int, k: Int, _ a: MatrixOperand, _ b: MatrixOperand, into c: UnsafeMutablePointer<Float>, leading: Int,
    accumulate: Bool = false
  ) {
    let tile = 256
    let rowTiles = (m + tile - 1) / tile, columnTiles = (n + tile - 1) / tile
    for index in tiles(rowTiles * columnTiles) {
      let row = index / columnTiles * tile, column = index % columnTiles * tile
      Compute.matrixProduct(
        m: min(tile, m - row), n: min(tile, n - column), k: k, a.advanced(row: row, column: 0),
        b.advanced(row: 0, column: column), into: c + row * leading + column, leading: leading, accumulate: accumulate)
    }
  }
}
