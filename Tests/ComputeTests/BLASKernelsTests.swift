import Compute
import Glibc
import Testing

@Suite struct BLASKernelsTests {
  /// Without a word from the environment a processor with AVX-512 uses it, also one that OpenBLAS does not know.
  @Test(.enabled(if: getenv("OPENBLAS_CORETYPE") == nil)) func areAsWideAsTheProcessor() {
    #expect(Processor.blasWarning == nil, "OpenBLAS uses \(Processor.blasKernel)")
  }

  /// The product after a second choice of kernels, at a size that several blocks of the new kernels cover.
  @Test func multiplyRightAfterwards() {
    Processor.confineBLAS()
    let m = 70, n = 530, k = 410
    let a = (0..<m * k).map { Float($0 % 5) - 2 }, b = (0..<k * n).map { Float($0 % 7) - 3 }
    var c = [Float](repeating: .nan, count: m * n)
    matrixProduct(m: m, n: n, k: k, MatrixOperand(a, leading: k), MatrixOperand(b, leading: n), into: &c, leading: n)
    for (row, column) in [(0, 0), (69, 529), (31, 255), (64, 512)] {
      #expect(c[row * n + column] == (0..<k).reduce(0) { $0 + a[row * k + $1] * b[$1 * n + column] })
    }
  }
}
