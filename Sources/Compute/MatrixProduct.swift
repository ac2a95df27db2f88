import COpenBLAS

/// `C = alpha · op(A) · op(B) + beta · C` for row-major matrices, on one thread: a single call of OpenBLAS's `sgemm`.
///
/// `op(A)` is `m × k`, `op(B)` is `k × n`, `C` is `m × n`; leading dimensions count the floats from one stored row to the
/// next. Teams share a product by giving each worker its own tile of C: see `Worker.matrixProduct`.
@inlinable
public func matrixProduct(
  m: Int, n: Int, k: Int,
  _ a: UnsafePointer<Float>, leading lda: Int, transposed transposeA: Bool = false,
  _ b: UnsafePointer<Float>, leading ldb: Int, transposed transposeB: Bool = false,
  into c: UnsafeMutablePointer<Float>, leading ldc: Int,
  alpha: Float = 1, accumulate: Bool = false
) {
  cblas_sgemm(
    CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
    blasint(m), blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb), accumulate ? 1 : 0, c, blasint(ldc))
}

extension Worker {
  /// A matrix product shared by the team: C is cut into tiles whose size depends on the shapes alone, so the result does
  /// not depend on the number of workers. The caller puts a barrier before it reads C.
  ///
  /// Tiles of 256 x 256 reach 0.97 of the peak of one large product and still give 8 tiles for 49 x 2048 x 512.
  public func matrixProduct(
    m: Int, n: Int, k: Int,
    _ a: UnsafePointer<Float>, leading lda: Int, transposed transposeA: Bool = false,
    _ b: UnsafePointer<Float>, leading ldb: Int, transposed transposeB: Bool = false,
    into c: UnsafeMutablePointer<Float>, leading ldc: Int,
    alpha: Float = 1, accumulate: Bool = false
  ) {
    let tile = 256
    let rowTiles = (m + tile - 1) / tile, columnTiles = (n + tile - 1) / tile
    for index in tiles(rowTiles * columnTiles) {
      let row = index / columnTiles * tile, column = index % columnTiles * tile
      Compute.matrixProduct(
        m: Swift.min(tile, m - row), n: Swift.min(tile, n - column), k: k,
        a + (transposeA ? row : row * lda), leading: lda, transposed: transposeA,
        b + (transposeB ? column * ldb : column), leading: ldb, transposed: transposeB,
        into: c + row * ldc + column, leading: ldc, alpha: alpha, accumulate: accumulate)
    }
  }
}
