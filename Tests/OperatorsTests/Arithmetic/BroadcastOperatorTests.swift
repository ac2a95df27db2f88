import Compute
import Operators
import Support
import Testing

/// Add, Subtract, Multiply, Divide and Maximum over every way in which two shapes broadcast.
@Suite struct BroadcastOperatorTests {
  static let shapes: [(String, Shape, Shape)] = [
    ("same, several tiles and a rest", [3, 6_001], [3, 6_001]),
    ("same, one element", [1], [1]),
    ("gate over channels", [2, 5, 7, 20], [2, 1, 1, 20]),
    ("gate over channels, first operand", [2, 1, 1, 20], [2, 5, 7, 20]),
    ("gate over channels, several chunks", [1, 37, 31, 16], [1, 1, 1, 16]),
    ("gate over 3 channels", [2, 23, 29, 3], [2, 1, 1, 3]),
    ("bias of 40 channels, shorter rank", [3, 5, 7, 40], [40]),
    ("bias of 1 channel", [2, 5, 7, 1], [1]),
    ("spatial gate", [2, 5, 7, 20], [2, 5, 7, 1]),
    ("spatial gate, first operand", [2, 5, 7, 1], [2, 5, 7, 20]),
    ("spatial gate of one channel wider than a tile", [1, 1, 1, 17_000], [1, 1, 1, 1]),
    ("gate of an image", [3, 5, 7, 3], [3, 1, 1, 1]),
    ("scalar", [3, 79, 71], [1]),
    ("scalar, first operand", [1, 1, 1], [3, 5, 7]),
    ("wide rows", [3, 50, 60], [50, 60]),
    ("repeated on both sides", [2, 3, 5, 20], [1, 3, 1, 20]),
    ("repeated on both sides, innermost too", [2, 3, 5, 20], [1, 3, 5, 1]),
    ("each repeated", [2, 7, 1], [2, 1, 20]),
    ("each repeated, shorter rank", [5, 1, 3], [7, 1]),
  ]

  /// The twin: which element of either operand goes into each element of the result is worked out once a case.
  static func broadcast(
    _ a: Shape, _ b: Shape, _ f: @escaping @Sendable (Double, Double) -> Double
  ) -> @Sendable ([DoubleTensor]) -> [DoubleTensor] {
    let shape = Shape.broadcast(a, b)!
    func sources(_ operand: Shape) -> [Int] {
      (0..<shape.count).map { flat in
        operand.flat(zip(shape.index(of: flat).suffix(operand.rank), operand.array).map { $1 == 1 ? 0 : $0 })
      }
    }
    let fromA = sources(a), fromB = sources(b)
    return { inputs in
      let a = inputs[0].values, b = inputs[1].values
      return [DoubleTensor(shape, fromA.indices.map { f(a[fromA[$0]], b[fromB[$0]]) })]
    }
  }

  static let cases = shapes.flatMap { label, a, b in
    [
      OperatorCase(label, Add(), inputs: [a, b], reference: broadcast(a, b, +)),
      OperatorCase(label, Subtract(), inputs: [a, b], reference: broadcast(a, b, -)),
      OperatorCase(label, Multiply(), inputs: [a, b], reference: broadcast(a, b, *)),
      OperatorCase(
        label, Divide(), inputs: [a, b],
        fill: { input, stream in input == 0 ? stream.uniform(-1, 1) : stream.uniform(0.5, 2) },
        reference: broadcast(a, b, /)),
      // Differences across a tie go wrong, so the two operands lie on grids that never meet.
      OperatorCase(
        label, Maximum(), inputs: [a, b],
        fill: { input, stream in Float(stream.integer(below: 64)) / 32 + (input == 0 ? 0 : 1.0 / 64) },
        reference: broadcast(a, b, max)),
    ]
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func tieSendsHalfToEach() {
    let run = DirectRun(Maximum(), [([1, 3], [1, 2, 3]), ([1, 3], [1, 3, 2])])
    #expect(run.outputs == [[1, 3, 3]])
    #expect(run.gradients([[8, 8, 8]]) == [[4, 0, 8], [4, 8, 0]])
  }

  @Test func maximumPassesNaNOn() {
    let run = DirectRun(Maximum(), [([1, 2], [.nan, 2]), ([1, 2], [1, .nan])])
    #expect(run.outputs[0].allSatisfy { $0.isNaN })
  }

  @Test func sumsOfLongAxesAreExact() {
    // 400,000 terms of about 1/2: a plain chain of floats is off by 1e-4 here.
    let count = 400_000
    var stream = RandomStream(RandomKey(1))
    let terms = (0..<count).map { _ in stream.uniform() }
    let wanted = terms.reduce(0.0) { $0 + Double($1) }
    for shape: Shape in [[1, 400, 1_000, 1], [1_000, 100, 4, 1]] {
      let run = DirectRun(Add(), [(shape, terms), ([1], [0])])
      #expect(abs(Double(run.gradients([terms])[1][0]) / wanted - 1) < 1e-6)
    }
  }

  @Test func shapesThatDoNotFit() {
    let error = #expect(throws: ShapeError.self) {
      try Add().outputShapes(for: [[8, 56, 56, 256], [8, 56, 56, 3]])
    }
    #expect(
      error?.description
        == "cannot add [8, 56, 56, 256] and [8, 56, 56, 3]: extents must be equal or 1, from the last one on")
  }
}
