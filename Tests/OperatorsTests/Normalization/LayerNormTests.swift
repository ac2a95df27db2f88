import Compute
import Operators
import Support
import Testing

/// Layer normalisation over the last axis.
@Suite struct LayerNormTests {
  static let shapes: [Shape] = [[2, 7, 16], [5, 3], [40, 33], [3, 700], [600, 5], [65, 528]]

  /// y, the means and the inverse deviations.
  static func reference(_ x: DoubleTensor, _ weight: DoubleTensor, _ bias: DoubleTensor) -> [DoubleTensor] {
    let channels = x.shape.channels, rows = x.shape.count / channels, n = Double(channels)
    var y = DoubleTensor(x.shape), means = DoubleTensor([rows]), inverses = means
    for row in 0..<rows {
      let values = x.values[row * channels..<(row + 1) * channels]
      let mean = values.reduce(0, +) / n
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n
      means.values[row] = mean
      inverses.values[row] = 1 / (variance + Double(Float(1e-3))).squareRoot()
      for c in 0..<channels {
        let normal = (values[row * channels + c] - mean) * inverses.values[row]
        y.values[row * channels + c] = normal * weight.values[c] + bias.values[c]
      }
    }
    return [y, means, inverses]
  }

  static let cases = shapes.map { shape in
    OperatorCase(
      "\(shape)", LayerNorm(epsilon: 1e-3), inputs: [shape, [shape.channels], [shape.channels]],
      outputsWithGradient: [0]
    ) { reference($0[0], $0[1], $0[2]) }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func statisticsHaveOneNumberARow() throws {
    #expect(try LayerNorm().outputShapes(for: [[2, 5, 8], [8], [8]]) == [[2, 5, 8], [2, 5, 1], [2, 5, 1]])
  }

  @Test func farFromZeroTheVarianceKeepsItsDigits() {
    let row = (0..<100).map { 1000 + Float($0 % 2) * 2 }
    let ones = [Float](repeating: 1, count: 100), zeros = [Float](repeating: 0, count: 100)
    let outputs = SingleRun.forward(LayerNorm(), [([1, 100], row), ([100], ones), ([100], zeros)])
    #expect(outputs[1] == [1001])
    #expect(abs(outputs[2][0] - 1) < 1e-5)
    #expect(outputs[0].enumerated().allSatisfy { abs($1 - ($0 % 2 == 0 ? -1 : 1)) < 1e-5 })
  }

  @Test func shapesThatDoNotFit() {
    let error = #expect(throws: ShapeError.self) { try LayerNorm().outputShapes(for: [[8, 49, 64], [49], [64]]) }
    #expect(error?.description == "cannot layer_norm [8, 49, 64]: the weight is [49], wanted [64]")
  }
}
