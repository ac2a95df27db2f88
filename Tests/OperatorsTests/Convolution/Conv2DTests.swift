import Compute
import Operators
import Support
import Testing

@Suite struct Conv2DTests {
  /// The definition, tap by tap.
  static func reference(_ options: Conv2D) -> @Sendable ([DoubleTensor]) -> [DoubleTensor] {
    { inputs in
      let x = inputs[0], w = inputs[1], s = x.shape, k = w.shape
      let shape = try! options.outputShapes(for: inputs.map(\.shape))[0]
      let groupOutputs = k[0] / options.groups
      return [
        DoubleTensor(shape) { at in
          var total = inputs.count > 2 ? inputs[2].values[at[3]] : 0
          for v in 0..<k[1] {
            let row = at[1] * options.stride.height - options.padding.height + v * options.dilation.height
            for u in 0..<k[2] {
              let column = at[2] * options.stride.width - options.padding.width + u * options.dilation.width
              guard row >= 0, row < s[1], column >= 0, column < s[2] else { continue }
              for c in 0..<k[3] { total += w[at[3], v, u, c] * x[at[0], row, column, at[3] / groupOutputs * k[3] + c] }
            }
          }
          return total
        }
      ]
    }
  }

  static func declare(_ label: String, _ options: Conv2D, _ inputs: [Shape]) -> OperatorCase {
    OperatorCase(label, options, inputs: inputs, reference: reference(options))
  }

  static let cases = [
    declare("pointwise", Conv2D(), [[3, 9, 11, 20], [24, 1, 1, 20]]),
    declare("pointwise with bias, many tiles", Conv2D(), [[9, 13, 11, 3], [5, 1, 1, 3], [5]]),
    declare("pointwise with stride 2", Conv2D(stride: 2), [[2, 7, 8, 16], [8, 1, 1, 16]]),
    declare("3x3", Conv2D(padding: 1), [[2, 8, 7, 6], [10, 3, 3, 6]]),
    declare("3x3 with bias and stride 2", Conv2D(stride: 2, padding: 1), [[5, 9, 7, 17], [18, 3, 3, 17], [18]]),
    declare("7x7 stem, stride 2, padding 3", Conv2D(stride: 2, padding: 3), [[2, 15, 16, 3], [16, 7, 7, 3]]),
    declare("dilated", Conv2D(padding: 2, dilation: 2), [[1, 9, 10, 4], [4, 3, 3, 4]]),
    declare("grouped", Conv2D(padding: 1, groups: 4), [[2, 6, 6, 32], [16, 3, 3, 8]]),
    declare("grouped with bias and stride", Conv2D(stride: 2, padding: 1, groups: 2), [[1, 6, 5, 6], [4, 3, 3, 3], [4]]),
    declare(
      "different in each direction",
      Conv2D(stride: .init(2, 1), padding: .init(0, 2), dilation: .init(1, 2)), [[2, 8, 7, 3], [5, 2, 3, 3]]),
    declare("a pixel", Conv2D(padding: 1), [[1, 1, 1, 1], [1, 3, 3, 1], [1]]),
    declare("the spatial gate's 7x7", Conv2D(padding: 3), [[2, 9, 8, 2], [1, 7, 7, 2]]),
  ]

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func refusesWhatDoesNotFit() {
    #expect(throws: ShapeError.self) { try Conv2D().outputShapes(for: [[1, 8, 8, 3], [4, 3, 3, 4]]) }
    #expect(throws: ShapeError.self) { try Conv2D().outputShapes(for: [[1, 2, 2, 3], [4, 3, 3, 3]]) }
    #expect(throws: ShapeError.self) { try Conv2D(padding: 1).outputShapes(for: [[1, 2, 2, 3], [4, 3, 3, 3], [3]]) }
  }
}
