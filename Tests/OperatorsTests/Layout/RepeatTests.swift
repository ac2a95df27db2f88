import Compute
import Operators
import Support
import Testing

/// Extents of 1 repeated, at either end, in the middle, everywhere and nowhere.
@Suite struct RepeatTests {
  static let shapes: [(Shape, Shape)] = [
    ([5, 5, 1], [5, 5, 37]), ([1, 7], [3, 7]), ([1, 1, 20], [4, 9, 20]), ([2, 1, 3, 1], [2, 5, 3, 6]), ([1], [6_001]),
    ([3, 4], [3, 4]),
  ]

  static let cases = shapes.map { from, to in
    OperatorCase("\(from) to \(to)", Repeat(to: to), inputs: [from]) { inputs in
      [DoubleTensor(to) { index in inputs[0][zip(index, from.array).map { $1 == 1 ? 0 : $0 }] }]
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test(arguments: [([2, 3], [4, 3]), ([3], [1, 3]), ([4, 3], [1, 3])] as [(Shape, Shape)])
  func shapesThatDoNotFit(from: Shape, to: Shape) {
    #expect(throws: ShapeError.self) { try Repeat(to: to).outputShapes(for: [from]) }
  }
}
