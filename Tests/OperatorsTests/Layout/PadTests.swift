import Compute
import Operators
import Support
import Testing

@Suite struct PadTests {
  static let paddings: [(Shape, [(Int, Int)])] = [
    ([2, 3, 5, 20], [(0, 0), (1, 2), (3, 0), (0, 0)]), ([2, 3, 5, 3], [(0, 1), (1, 0), (0, 2), (2, 1)]),
    ([1, 1, 1, 1], [(0, 0), (1, 1), (1, 1), (0, 0)]), ([3, 16], [(0, 0), (0, 0)]), ([5], [(17, 33)]),
    ([2, 60, 50, 3], [(0, 0), (3, 3), (3, 3), (0, 0)]),
  ]

  static let cases = paddings.map { shape, margins in
    OperatorCase(
      "\(shape) with \(margins)", Pad(margins.map { Pad.Margin(before: $0.0, after: $0.1) }), inputs: [shape]
    ) { inputs in
      let x = inputs[0]
      var result = shape
      for axis in 0..<shape.rank { result[axis] += margins[axis].0 + margins[axis].1 }
      return [
        DoubleTensor(result) { index in
          let source = zip(index, margins).map { $0 - $1.0 }
          return zip(source, shape.array).allSatisfy { $0 >= 0 && $0 < $1 } ? x[source] : 0
        }
      ]
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func marginsOfAMap() throws {
    let pad = Pad(top: 1, bottom: 2, left: 3, right: 4)
    #expect(try pad.outputShapes(for: [[2, 10, 10, 3]]) == [[2, 13, 17, 3]])
  }

  @Test func marginsThatDoNotFit() {
    let error = #expect(throws: ShapeError.self) {
      try Pad(top: 1, bottom: 1, left: 1, right: 1).outputShapes(for: [[2, 5]])
    }
    #expect(error?.description == "cannot pad [2, 5] with 4 margins: wanted one for each axis")
  }
}
