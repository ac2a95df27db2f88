import Compute
import Operators
import Support
import Testing

/// Batch normalisation in training, from one channel to more than a tile, and its statistics.
@Suite struct BatchNormTests {
  static let shapes: [Shape] = [
    [4, 5, 5, 16], [3, 7, 7, 3], [2, 9, 5, 24], [37, 10], [1, 11, 11, 1], [17_000, 1], [33, 40, 2],
    [2, 1, 1, 5], [3, 32], [2, 17, 17, 64], [35, 528],
  ]

  static let cases =
    shapes.map { batchNorm("\($0)", $0) } + [
      batchNorm("options", [6, 3, 20], epsilon: 0.1, momentum: 0.3),
      batchNorm("all of the batch counts", [6, 3, 20], momentum: 1),
    ]

  static func batchNorm(
    _ label: String, _ shape: Shape, epsilon: Float = 1e-3, momentum: Float = 0.1
  ) -> OperatorCase {
    let channels = shape.channels, rows = shape.count / channels
    return OperatorCase(
      label, BatchNorm(epsilon: epsilon, momentum: momentum),
      inputs: [shape, [channels], [channels], [channels], [channels]], outputsWithGradient: [0]
    ) { inputs in
      let x = inputs[0].values, n = Double(rows), share = Double(momentum)
      var y = DoubleTensor(shape), means = DoubleTensor([channels]), inverses = means
      var runningMeans = means, runningVariances = means
      for c in 0..<channels {
        let values = (0..<rows).map { x[$0 * channels + c] }
        let mean = values.reduce(0, +) / n
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n
        let inverse = 1 / (variance + Double(epsilon)).squareRoot()
        for row in 0..<rows {
          y.values[row * channels + c] = (values[row] - mean) * inverse * inputs[1].values[c] + inputs[2].values[c]
        }
        means.values[c] = mean
        inverses.values[c] = inverse
        runningMeans.values[c] = (1 - share) * inputs[3].values[c] + share * mean
        runningVariances.values[c] =
          (1 - share) * inputs[4].values[c] + share * variance * (rows > 1 ? n / (n - 1) : 1)
      }
      return [y, means, inverses, runningMeans, runningVariances]
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  /// A thousand deviations from zero, E[x²] - E[x]² in float would have no digit left of the variance.
  @Test func farFromZeroTheVarianceKeepsItsDigits() {
    let shape: Shape = [3000, 20]
    let outputs = run(BatchNorm(), shape) { row, channel in 1000 + Float(channel) + (row % 2 == 0 ? 1 : -1) }
    for channel in 0..<20 {
      #expect(outputs[1][channel] == 1000 + Float(channel))
      #expect(abs(outputs[2][channel] - 1) < 1e-5)
    }
  }

  @Test func oneValueAChannelStaysFinite() {
    let outputs = run(BatchNorm(momentum: 0.5), [1, 4]) { _, channel in Float(channel) }
    // x - mean is zero, and its rounding is multiplied by 1 / sqrt(epsilon) = 316.
    #expect(outputs[0].allSatisfy { abs($0) < 1e-4 })
    #expect(outputs[3] == [0, 0.5, 1, 1.5])
    #expect(outputs[4] == [0.5, 0.5, 0.5, 0.5])
  }

  @Test func shapesThatDoNotFit() {
    let error = #expect(throws: ShapeError.self) {
      try BatchNorm().outputShapes(for: [[8, 7, 7, 64], [64], [64], [64], [32]])
    }
    #expect(
      error?.description == "cannot batch_norm [8, 7, 7, 64]: the running variance is [32], wanted [64]")
  }

  /// The outputs for weight 1, bias 0, running mean 0 and running variance 1.
  private func run(_ subject: BatchNorm, _ shape: Shape, _ value: (_ row: Int, _ channel: Int) -> Float) -> [[Float]] {
    let channels = shape.channels
    let x = (0..<shape.count).map { value($0 / channels, $0 % channels) }
    let ones = [Float](repeating: 1, count: channels), zeros = [Float](repeating: 0, count: channels)
    return SingleRun.forward(subject, [(shape, x)] + [ones, zeros, zeros, ones].map { ([channels], $0) })
  }
}
