import Compute
import Foundation
import Operators
import Support
import Testing

/// Softmax and its logarithm along every axis of shapes with and without rests.
@Suite struct SoftmaxTests {
  static let axes: [(Shape, Int)] = [
    ([4, 16], -1), ([3, 5], 1), ([70, 257], -1), ([2, 3, 1], 2), ([9], 0), ([5, 7], 0), ([2, 6, 35], 1),
    ([2, 6, 4, 16], -3),
    ([7, 20, 50], 1), ([3, 1, 4], 1), ([6, 5, 1], 1),
  ]

  static let cases = axes.flatMap { shape, axis in
    [false, true].map { logarithmic in
      OperatorCase(
        "\(shape) along \(axis)", Softmax(axis: axis, logarithmic: logarithmic), inputs: [shape]
      ) { _, stream in
        stream.uniform(-4, 4)
      } reference: { inputs in
        let axis = axis < 0 ? shape.rank + axis : axis
        let inner = shape.count(over: axis + 1..<shape.rank), length = shape[axis]
        var y = inputs[0]
        for start in 0..<shape.count where start / inner % length == 0 {
          let steps = (0..<length).map { start + $0 * inner }
          let sum = steps.reduce(0.0) { $0 + exp(inputs[0].values[$1]) }
          for step in steps { y.values[step] = logarithmic ? y.values[step] - log(sum) : exp(y.values[step]) / sum }
        }
        return [y]
      }
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  /// e^1e4 is far beyond a float; along the last axis and across it.
  @Test(arguments: [([1, 3], -1), ([3, 1], 0), ([3, 2], 0)] as [(Shape, Int)])
  func hugeLogitsDoNotOverflow(_ shape: Shape, _ axis: Int) {
    let width = shape.count / 3
    let x = ([1e4, 1e4, -1e4] as [Float]).flatMap { [Float](repeating: $0, count: width) }
    let wanted = ([0.5, 0.5, 0] as [Float]).flatMap { [Float](repeating: $0, count: width) }
    #expect(SingleRun.forward(Softmax(axis: axis), [(shape, x)])[0] == wanted)
    let logarithms = SingleRun.forward(Softmax(axis: axis, logarithmic: true), [(shape, x)])[0]
    #expect(abs(logarithms[0] + Float(log(2.0))) < 1e-6)
    #expect(logarithms[2 * width] == -20_000 - Float(log(2.0)))
  }

  @Test func infinityBelowIsAMask() {
    let y = SingleRun.forward(Softmax(), [([1, 3], [0, -.infinity, 0])])[0]
    #expect(y == [0.5, 0, 0.5])
  }

  @Test func axisOutside() {
    let error = #expect(throws: ShapeError.self) { try Softmax(axis: 2).outputShapes(for: [[3, 4]]) }
    #expect(error?.description == "cannot softmax [3, 4] along axis 2: wanted -2..<2")
  }
}
