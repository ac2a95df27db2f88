import Compute
import Operators
import Support
import Testing

@Suite struct TransposeTests {
  static let orders: [(Shape, [Int])] = [
    ([2, 3, 5, 20], [0, 1, 2, 3]), ([37, 70], [1, 0]), ([3, 33, 65], [0, 2, 1]), ([2, 1, 40], [0, 2, 1]),
    // NHWC to NCHW and back: one swap of merged axes.
    ([2, 5, 7, 3], [0, 3, 1, 2]), ([2, 3, 5, 7], [0, 2, 3, 1]), ([2, 3, 5, 7], [2, 3, 0, 1]),
    // Heads: rows of channels stay whole.
    ([2, 9, 4, 20], [0, 2, 1, 3]), ([2, 9, 4, 3], [2, 1, 0, 3]),
    // The rest goes element by element.
    ([2, 3, 5, 7], [3, 2, 1, 0]), ([2, 3, 5, 7], [1, 0, 3, 2]), ([2, 9, 4, 16], [0, 2, 3, 1]),
    ([2, 9, 4, 16], [0, 3, 2, 1]),
    ([2, 3, 2, 4, 2, 3], [0, 2, 4, 1, 3, 5]), ([3, 1, 5], [1, 2, 0]),
    ([3, 80, 120], [0, 2, 1]),
  ]

  static let cases = orders.map { shape, order in
    OperatorCase("\(shape) to \(order)", Transpose(order), inputs: [shape]) { inputs in
      let x = inputs[0]
      return [
        DoubleTensor(Shape(order.map { shape[$0] })) { index in
          var source = index
          for (position, axis) in order.enumerated() { source[axis] = index[position] }
          return x[source]
        }
      ]
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func notAPermutation() {
    for order in [[0, 1], [0, 1, 1], [0, 1, 3]] {
      let error = #expect(throws: ShapeError.self) { try Transpose(order).outputShapes(for: [[2, 3, 4]]) }
      #expect(error?.description == "cannot transpose [2, 3, 4] to axes \(order): wanted each of 0 to 2 once")
    }
  }
}
