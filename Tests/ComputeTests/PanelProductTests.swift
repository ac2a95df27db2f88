import Compute
import Support
import Testing

/// The products that keep their sums in registers, against OpenBLAS and the definition in double precision, at every
/// kind of edge.
@Suite struct PanelProductTests {
  struct Case: Sendable, CustomStringConvertible {
    let m, n, k: Int
    var transposed = false
    var accumulate = false
    var gap = 0
    var description: String { "\(m)x\(n)x\(k)\(transposed ? " '" : "")\(accumulate ? " +=" : "") gap \(gap)" }
  }

  /// Rows past sixes, columns past vectors and panels, steps past blocks; more than one block of rows.
  static let cases = [
    (1, 1, 1), (6, 64, 128), (13, 16, 5), (47, 65, 129), (11, 40, 300), (400, 130, 17), (9, 250, 700), (5, 24, 1), (3, 63, 257),
  ].flatMap { m, n, k in
    (0..<8).map { bits in
      Case(m: m, n: n, k: k, transposed: bits & 1 != 0, accumulate: bits & 2 != 0, gap: bits & 4 != 0 ? 3 : 0)
    }
  }

  @Test(arguments: cases) func panelsGiveTheProduct(_ a: Case) {
    let operands = Operands(a)
    // B as it lies is k × n; transposed it is n × k, as filters lie.
    let b = Block(a.transposed ? a.n * (a.k + a.gap) : a.k * (a.n + a.gap))
    for row in 0..<a.k {
      for column in 0..<a.n {
        b.pointer[a.transposed ? column * (a.k + a.gap) + row : row * (a.n + a.gap) + column] =
          operands.b[row * a.n + column]
      }
    }
    let memory = Block(ColumnPanels.floats(rows: a.k, columns: a.n))
    let panels = ColumnPanels(memory.pointer, rows: a.k, columns: a.n)
    let matrix = MatrixOperand(b.pointer, leading: (a.transposed ? a.k : a.n) + a.gap, transposed: a.transposed)
    for panel in 0..<panels.count { panels.fill(panel, from: matrix) }
    let left = Block(a.m * (a.k + a.gap)), c = operands.result()
    for row in 0..<a.m {
      for step in 0..<a.k { left.pointer[row * (a.k + a.gap) + step] = operands.a[row * a.k + step] }
    }
    panelProduct(
      m: a.m, MatrixOperand(left.pointer, leading: a.k + a.gap), panels, into: c.pointer, leading: a.n + a.gap,
      accumulate: a.accumulate)
    operands.compare(c)
    compareMoments(of: c, a) {
      panelProduct(
        m: a.m, MatrixOperand(left.pointer, leading: a.k + a.gap), panels, into: $0, leading: a.n + a.gap,
        accumulate: a.accumulate, moments: $1)
    }
  }

  /// The moments of a product's columns, taken on the way, against those of the columns as they have been written.
  private func compareMoments(
    of c: Block, _ a: Case, _ multiply: (UnsafeMutablePointer<Float>, ColumnMoments) -> Void
  ) {
    let again = Operands(a).result(), width = (a.n + 15) / 16 * 16, memory = Block(2 * width)
    memory.pointer.update(repeating: .nan, count: 2 * width)
    let moments = ColumnMoments(means: memory.pointer, squares: memory.pointer + width)
    multiply(again.pointer, moments)
    for column in 0..<a.n {
      let values = (0..<a.m).map { Double(c.pointer[$0 * (a.n + a.gap) + column]) }
      let mean = values.reduce(0, +) / Double(a.m), squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      let size = values.reduce(0) { max($0, abs($1)) }
      #expect(abs(Double(moments.means[column]) - mean) < 1e-6 * size)
      #expect(abs(Double(moments.squares[column]) - squares) < 1e-6 * size * size * Double(a.m))
    }
  }

  @Test(arguments: cases) func columnsGiveTheProduct(_ a: Case) {
    let operands = Operands(a)
    let left = Block(a.k * (a.m + a.gap)), right = Block(a.k * (a.n + a.gap)), c = operands.result()
    for step in 0..<a.k {
      for row in 0..<a.m { left.pointer[step * (a.m + a.gap) + row] = operands.a[row * a.k + step] }
      for column in 0..<a.n { right.pointer[step * (a.n + a.gap) + column] = operands.b[step * a.n + column] }
    }
    let scratch = Block(
      ColumnProduct.scratchFloats(m: a.m, leadingA: a.m + a.gap, n: a.n, leadingB: a.n + a.gap) + 1)
    columnProduct(
      m: a.m, n: a.n, k: a.k, left.pointer, leadingA: a.m + a.gap, right.pointer, leadingB: a.n + a.gap,
      into: c.pointer, leading: a.n + a.gap, accumulate: a.accumulate, scratch: scratch.pointer)
    operands.compare(c)
  }

  /// Random operands and what their product must be; what lies between the rows of C must stay.
  private struct Operands {
    let arrangement: Case
    let a, b, start: [Float]
    private let wanted: [Double]

    init(_ arrangement: Case) {
      let (m, n, k) = (arrangement.m, arrangement.n, arrangement.k), leading = n + arrangement.gap
      var stream = RandomStream(RandomKey(6).appending(arrangement.description))
      a = (0..<m * k).map { _ in stream.uniform(-1, 1) }
      b = (0..<k * n).map { _ in stream.uniform(-1, 1) }
      start = (0..<m * leading).map { _ in stream.uniform(-1, 1) }
      var wanted = start.map(Double.init)
      for row in 0..<m {
        for column in 0..<n {
          var sum = arrangement.accumulate ? wanted[row * leading + column] : 0
          for step in 0..<k { sum += Double(a[row * k + step]) * Double(b[step * n + column]) }
          wanted[row * leading + column] = sum
        }
      }
      self.wanted = wanted
      self.arrangement = arrangement
    }

    func result() -> Block {
      let block = Block(start.count)
      TensorView(block.pointer, [start.count]).assign(start)
      return block
    }

    func compare(_ c: Block) {
      let found = Array(UnsafeBufferPointer(start: c.pointer, count: start.count))
      let deviation = Deviation(of: found, from: wanted)
      #expect(deviation.relative < 2e-6, "[\(deviation.index)] is \(deviation.found), wanted \(deviation.wanted)")
    }
  }
}
