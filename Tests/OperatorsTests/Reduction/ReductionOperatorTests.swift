import Compute
import Glibc
import Operators
import Support
import Testing

/// Sum, Mean, Max, LogSumExp and L2Norm over every set of axes.
@Suite struct ReductionOperatorTests {
  static let shapes: [(Shape, [Int])] = [
    ([2, 5, 7, 20], [1, 2]), ([3, 5, 7, 3], [1, 2]), ([1, 5, 7, 1], [1, 2]), ([1, 31, 37, 16], [1, 2]),
    ([1, 7, 7, 40], [1, 2]), ([2, 3, 3, 2_060], [1, 2]),
    ([2, 5, 7, 20], [3]), ([2, 5, 7, 3], [-1]), ([1, 5, 7, 1], [3]), ([1, 1, 3, 16], [3]), ([1, 1, 1, 17_003], [3]),
    ([3, 40, 5, 40], [0, 1, 2, 3]), ([1, 1, 1, 5], [0, 1, 2, 3]),
    ([5, 3, 4, 20], [0]), ([5, 3, 4, 20], [0, 1, 2]), ([5, 3, 4, 20], [1, 2, 3]), ([3, 3, 4, 20], []),
    // Axes apart: the general path.
    ([5, 3, 4, 20], [0, 2]), ([2, 5, 7, 3], [1, 3]), ([2, 30, 2, 30], [-3, -1]),
  ]

  /// The twin: all elements of each result, in row-major order.
  static func over(
    _ shape: Shape, _ axes: [Int], _ f: @escaping @Sendable ([Double]) -> [Double]
  ) -> @Sendable ([DoubleTensor]) -> [DoubleTensor] {
    let reduced = Set(axes.map { $0 < 0 ? shape.rank + $0 : $0 })
    let result = Shape((0..<shape.rank).map { reduced.contains($0) ? 1 : shape[$0] })
    let targets = (0..<shape.count).map { flat in
      result.flat(shape.index(of: flat).enumerated().map { reduced.contains($0.offset) ? 0 : $0.element })
    }
    return { inputs in
      var groups = [[Double]](repeating: [], count: result.count)
      for (flat, target) in targets.enumerated() { groups[target].append(inputs[0].values[flat]) }
      let results = groups.map(f)
      return results[0].indices.map { k in DoubleTensor(result, results.map { $0[k] }) }
    }
  }

  static let cases = shapes.flatMap { shape, axes in
    [
      OperatorCase(
        "\(shape) over \(axes)", Sum(over: axes), inputs: [shape],
        reference: over(shape, axes) { [$0.reduce(0, +)] }),
      OperatorCase(
        "\(shape) over \(axes)", Mean(over: axes), inputs: [shape],
        reference: over(shape, axes) { [$0.reduce(0, +) / Double($0.count)] }),
      OperatorCase(
        "\(shape) over \(axes)", L2Norm(over: axes), inputs: [shape],
        reference: over(shape, axes) { [$0.reduce(0) { $0 + $1 * $1 }.squareRoot()] }),
      OperatorCase(
        "\(shape) over \(axes)", LogSumExp(over: axes), inputs: [shape],
        reference: over(shape, axes) { values in
          let largest = values.max()!
          return [largest + log(values.reduce(0) { $0 + exp($1 - largest) })]
        }),
      OperatorCase(
        "\(shape) over \(axes)", Max(over: axes), inputs: [shape],
        reference: over(shape, axes) { values in
          let largest = values.max()!
          return [largest, Double(values.firstIndex(of: largest)!)]
        }),
    ]
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func maxSendsItsGradientToTheFirstOfEqualElements() {
    // Channels 0...19: the largest value stands at pixels 5, 6 and 30.
    let channels = 20, pixels = 1_100
    var values = [Float](repeating: 0, count: pixels * channels)
    for pixel in [5, 6, 30, 600, 1_099] { for c in 0..<channels { values[pixel * channels + c] = 2 } }
    let pooled = DirectRun(Max(over: [1, 2]), [([1, 10, 110, 20], values)])
    let toPixels = pooled.gradients([[Float](repeating: 1, count: channels)])[0]
    #expect(toPixels.indices.filter { toPixels[$0] != 0 } == Array(5 * channels..<6 * channels))

    let overChannels = DirectRun(Max(over: [3]), [([1, 1, 2, 40], (0..<80).map { $0 % 40 % 17 == 16 ? 1 : 0 })])
    #expect(overChannels.outputs[1] == [16, 16])
    let everywhere = DirectRun(Max(over: [0, 1]), [([40, 500], [Float](repeating: -.infinity, count: 20_000))])
    #expect(everywhere.outputs == [[-.infinity], [0]])
  }

  @Test func maxPassesNaNOn() {
    let run = DirectRun(Max(over: [1]), [([2, 3], [1, .nan, 7, 2, 3, 1])])
    #expect(run.outputs[0][0].isNaN && run.outputs[0][1] == 3 && run.outputs[1] == [1, 1])
  }

  @Test func logSumExpOfExtremes() {
    let run = DirectRun(
      LogSumExp(over: [1]), [([4, 3], [1e4, 1e4, -1e4, -1e4, -1e4, -1e4, 3e38, -3e38, 0, 0, -.infinity, 0])])
    let wanted: [Float] = [1e4 + 0.6931472, -1e4 + 1.0986123, 3e38, 0.6931472]
    #expect(zip(run.outputs[0], wanted).allSatisfy { abs($0 - $1) <= 1e-6 * max(abs($1), 1) })
    #expect(run.gradients([[1, 1, 1, 1]])[0].allSatisfy { $0.isFinite })
    let nothing = DirectRun(LogSumExp(over: [1]), [([1, 2], [-.infinity, -.infinity])])
    #expect(nothing.outputs == [[-.infinity]])
  }

  @Test func normOfZerosHasGradientZero() {
    let run = DirectRun(L2Norm(over: [1, 2]), [([1, 2, 2, 1], [0, 0, 0, 0])])
    #expect(run.gradients([[1]]) == [[0, 0, 0, 0]])
  }

  @Test func sumsOfLongAxesAreExact() {
    var stream = RandomStream(RandomKey(1))
    let terms = (0..<400_000).map { _ in stream.uniform() }
    let wanted = terms.reduce(0.0) { $0 + Double($1) }
    let forms: [(Shape, [Int])] = [([400_000], [0]), ([1, 400, 1_000, 1], [1, 2]), ([40, 1, 10_000, 1], [0, 2])]
    for (shape, axes) in forms {
      let run = DirectRun(Sum(over: axes), [(shape, terms)])
      #expect(abs(Double(run.outputs[0][0]) / wanted - 1) < 3e-7)
    }
    // Rows of two channels: 200,000 terms each.
    let even = stride(from: 0, to: 400_000, by: 2).reduce(0.0) { $0 + Double(terms[$1]) }
    let rows = DirectRun(Sum(over: [1, 2]), [([1, 200, 1_000, 2], terms)])
    #expect(abs(Double(rows.outputs[0][0]) / even - 1) < 3e-7)
  }

  @Test func axesThatAreNotThere() {
    let error = #expect(throws: ShapeError.self) { try Mean(over: [1, 4]).outputShapes(for: [[2, 3, 4, 5]]) }
    #expect(error?.description == "cannot reduce [2, 3, 4, 5] over axis 4: it has axes 0 to 3")
  }
}
