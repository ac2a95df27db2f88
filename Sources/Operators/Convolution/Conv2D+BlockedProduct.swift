import Compute

/// C = A · B or C += A · B in blocks of at most 10⁶ multiply-adds, which OpenBLAS computes from the matrices as they
/// lie; larger products it packs first. For up to 512 columns of A the blocks are faster: 174 GFLOP/s against 123 for
/// 1024 x 64 x 64 and 142 for 128 x 256 x 256, 153 against 146 for 128 x 512 x 512. Neither operand is transposed.
func blockedProduct(
  m: Int, n: Int, k: Int, _ a: UnsafePointer<Float>, leadingA: Int, _ b: UnsafePointer<Float>, leadingB: Int,
  into c: UnsafeMutablePointer<Float>, leading: Int, accumulate: Bool = false
) {
  let columns = k <= 512 ? (n <= 128 ? n : 64) : n
  let rows = k <= 512 ? max(1, min(m, 1_000_000 / (columns * k))) : m
  for row in stride(from: 0, to: m, by: rows) {
    for column in stride(from: 0, to: n, by: columns) {
      matrixProduct(
        m: min(rows, m - row), n: min(columns, n - column), k: k, MatrixOperand(a + row * leadingA, leading: leadingA),
        MatrixOperand(b + column, leading: leadingB), into: c + row * leading + column, leading: leading,
        accumulate: accumulate)
    }
  }
}
