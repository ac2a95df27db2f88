import Compute
import Foundation
import Operators
import Support
import Testing

/// The entropy of a softmax along every axis, and its ends: one element, equal elements, one that outweighs all.
@Suite struct SoftmaxEntropyTests {
  static let axes: [(Shape, Int)] = [
    ([4, 16], -1), ([3, 5], 1), ([70, 257], -1), ([2, 3, 1], 2), ([9], 0), ([5, 7], 0), ([2, 6, 35], 1),
    ([2, 6, 4, 16], -3), ([7, 20, 50], 1), ([3, 1, 4], 1),
  ]

  static let cases = axes.map { shape, axis in
    OperatorCase(
      "\(shape) along \(axis)", SoftmaxEntropy(axis: axis), inputs: [shape], outputsWithGradient: [0]
    ) { _, stream in
      stream.uniform(-4, 4)
    } reference: { inputs in
      let axis = axis < 0 ? shape.rank + axis : axis
      let inner = shape.count(over: axis + 1..<shape.rank), length = shape[axis]
      var reduced = shape
      reduced[axis] = 1
      var entropies: [Double] = [], logarithms: [Double] = []
      for start in 0..<shape.count where start / inner % length == 0 {
        let x = (0..<length).map { inputs[0].values[start + $0 * inner] }
        let logarithm = log(x.reduce(0) { $0 + exp($1) })
        entropies.append(x.reduce(0) { $0 - exp($1 - logarithm) * ($1 - logarithm) })
        logarithms.append(logarithm)
      }
      return [DoubleTensor(reduced, entropies), DoubleTensor(reduced, logarithms)]
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test(arguments: [([1, 40], -1), ([40, 1], 0), ([40, 3], 0)] as [(Shape, Int)])
  func ends(_ shape: Shape, _ axis: Int) {
    let width = shape.count / 40
    let equal = [Float](repeating: 1e4, count: shape.count)
    let entropies = SingleRun.forward(SoftmaxEntropy(axis: axis), [(shape, equal)])[0]
    #expect(entropies == [Float](repeating: log(40), count: width))
    var peaked = [Float](repeating: -1e4, count: shape.count)
    for index in 0..<width { peaked[index] = 1e4 }
    #expect(SingleRun.forward(SoftmaxEntropy(axis: axis), [(shape, peaked)])[0].allSatisfy { $0 == 0 })
  }
}
