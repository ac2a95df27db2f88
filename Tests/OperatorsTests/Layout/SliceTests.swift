import Compute
import Operators
import Support
import Testing

@Suite struct SliceTests {
  static let slices: [(Shape, Int, Int, Int)] = [
    ([2, 3, 5, 20], 3, 0, 10), ([2, 3, 5, 20], -1, 7, 13), ([2, 3, 5, 3], 3, 1, 1), ([2, 3, 5, 16], 1, 1, 2),
    ([1, 3, 5, 40], 2, 4, 1), ([4, 3, 5, 3], 0, 1, 2), ([1, 2, 2, 1], 3, 0, 1), ([2, 40_000], 1, 3, 17_001),
  ]

  static let cases = slices.map { shape, axis, start, length in
    OperatorCase(
      "\(shape) along \(axis) from \(start), \(length)", Slice(along: axis, start: start, length: length),
      inputs: [shape]
    ) { inputs in
      let x = inputs[0], axis = axis < 0 ? shape.rank + axis : axis
      var result = shape
      result[axis] = length
      return [
        DoubleTensor(result) { index in
          var index = index
          index[axis] += start
          return x[index]
        }
      ]
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func outsideTheTensor() {
    for (start, length) in [(-1, 2), (2, 0), (3, 3)] {
      let error = #expect(throws: ShapeError.self) {
        try Slice(along: 1, start: start, length: length).outputShapes(for: [[2, 5]])
      }
      #expect(
        error?.description
          == "cannot slice [2, 5] along axis 1: wanted elements \(start) ..< \(start + length) of 5")
    }
  }
}
