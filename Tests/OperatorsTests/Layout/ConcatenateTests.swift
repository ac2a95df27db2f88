import Compute
import Operators
import Support
import Testing

@Suite struct ConcatenateTests {
  /// The twin, for tensors of `shapes` along `axis`.
  static func joined(_ axis: Int) -> @Sendable ([DoubleTensor]) -> [DoubleTensor] {
    return { inputs in
      var shape = inputs[0].shape
      let axis = axis < 0 ? shape.rank + axis : axis
      shape[axis] = inputs.reduce(0) { $0 + $1.shape[axis] }
      return [
        DoubleTensor(shape) { index in
          var index = index, input = 0
          while index[axis] >= inputs[input].shape[axis] {
            index[axis] -= inputs[input].shape[axis]
            input += 1
          }
          return inputs[input][index]
        }
      ]
    }
  }

  static let lists: [(Int, [Shape])] = [
    (3, [[2, 3, 5, 1], [2, 3, 5, 1]]), (-1, [[2, 3, 5, 20], [2, 3, 5, 3], [2, 3, 5, 16]]), (3, [[1, 2, 2, 40]]),
    (0, [[1, 3, 5, 3], [2, 3, 5, 3]]), (1, [[2, 1, 5, 16], [2, 4, 5, 16]]), (-2, [[2, 3, 1, 3], [2, 3, 7, 3]]),
    (1, [[2, 17_000], [2, 3]]),
    // More inputs than loops may be open between two barriers.
    (1, (0..<40).map { [3, 1 + $0 % 3] }),
  ]

  static let cases = lists.map { axis, shapes in
    OperatorCase("\(shapes) along \(axis)", Concatenate(along: axis), inputs: shapes, reference: joined(axis))
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func shapesThatDoNotFit() {
    func sentence(_ axis: Int, _ shapes: [Shape]) -> String? {
      #expect(throws: ShapeError.self) { try Concatenate(along: axis).outputShapes(for: shapes) }?.description
    }
    #expect(
      sentence(1, [[2, 3, 4], [2, 3, 5]])
        == "cannot concatenate [2, 3, 4] and [2, 3, 5] along axis 1: all other extents must be equal")
    #expect(
      sentence(1, [[2, 3], [2, 3, 5]])
        == "cannot concatenate [2, 3] and [2, 3, 5] along axis 1: all other extents must be equal")
    #expect(sentence(3, [[2, 3]]) == "cannot concatenate [2, 3] along axis 3: it has axes 0 to 1")
    #expect(sentence(0, []) == "cannot concatenate nothing: wanted at least one tensor")
  }
}
