import Compute
import Support
import Testing

/// The matrix product against a naive twin, in every arrangement, alone and shared by a team.
@Suite struct MatrixProductTests {
  struct Arrangement: Sendable, CustomStringConvertible {
    let m, n, k: Int
    var transposeA = false, transposeB = false
    var accumulate = false
    /// Floats between the end of a row and the start of the next.
    var gap = 0

    var description: String {
      "\(m)x\(n)x\(k)\(transposeA ? " A'" : "")\(transposeB ? " B'" : "")\(accumulate ? " +=" : "") gap \(gap)"
    }
    var leadingA: Int { (transposeA ? m : k) + gap }
    var leadingB: Int { (transposeB ? k : n) + gap }
    var leadingC: Int { n + gap }
  }

  static let arrangements = [(1, 1, 1), (7, 5, 3), (300, 270, 33), (513, 20, 64)].flatMap { m, n, k in
    (0..<8).map { bits in
      Arrangement(
        m: m, n: n, k: k, transposeA: bits & 1 != 0, transposeB: bits & 2 != 0, accumulate: bits & 4 != 0,
        gap: bits & 3)
    }
  }

  @Test(arguments: arrangements) func agreesWithTheTwinForAnyTeam(_ a: Arrangement) {
    var stream = RandomStream(RandomKey(5).appending(a.description))
    let left = (0..<(a.transposeA ? a.k : a.m) * a.leadingA).map { _ in stream.uniform(-1, 1) }
    let right = (0..<(a.transposeB ? a.n : a.k) * a.leadingB).map { _ in stream.uniform(-1, 1) }
    let start = (0..<a.m * a.leadingC).map { _ in stream.uniform(-1, 1) }
    var wanted = start.map(Double.init)
    for row in 0..<a.m {
      for column in 0..<a.n {
        var sum = 0.0
        for inner in 0..<a.k {
          let x = left[a.transposeA ? inner * a.leadingA + row : row * a.leadingA + inner]
          let y = right[a.transposeB ? column * a.leadingB + inner : inner * a.leadingB + column]
          sum += Double(x) * Double(y)
        }
        let at = row * a.leadingC + column
        wanted[at] = sum + (a.accumulate ? wanted[at] : 0)
      }
    }
    let single = product(a, left, right, start, workers: 1)
    // What lies in the gaps belongs to somebody else, and the twin left it alone as well.
    let deviation = Deviation(of: single, from: wanted)
    #expect(deviation.relative < 2e-6, "[\(deviation.index)] is \(deviation.found), wanted \(deviation.wanted)")
    for workers in 2...3 { #expect(product(a, left, right, start, workers: workers) == single) }
  }

  private func product(
    _ a: Arrangement, _ left: [Float], _ right: [Float], _ start: [Float], workers: Int
  ) -> [Float] {
    let x = Block(left.count), y = Block(right.count), z = Block(start.count)
    for (block, values) in [(x, left), (y, right), (z, start)] {
      TensorView(block.pointer, [values.count]).assign(values)
    }
    WorkerTeam(count: workers).run { worker in
      worker.matrixProduct(
        m: a.m, n: a.n, k: a.k, MatrixOperand(x.pointer, leading: a.leadingA, transposed: a.transposeA),
        MatrixOperand(y.pointer, leading: a.leadingB, transposed: a.transposeB), into: z.pointer, leading: a.leadingC,
        accumulate: a.accumulate)
    }
    return TensorView(z.pointer, [start.count]).array
  }
}
