import Compute
import Operators
import Support
import Testing

@Suite struct DepthwiseConv2DTests {
  static func declare(_ label: String, _ options: DepthwiseConv2D, _ inputs: [Shape]) -> OperatorCase {
    OperatorCase(label, options, inputs: inputs) { inputs in
      let x = inputs[0], w = inputs[1], s = x.shape
      let shape = try! options.outputShapes(for: inputs.map(\.shape))[0]
      return [
        DoubleTensor(shape) { at in
          var total = inputs.count > 2 ? inputs[2].values[at[3]] : 0
          for v in 0..<w.shape[0] {
            for u in 0..<w.shape[1] {
              let row = at[1] * options.stride.height - options.padding.height + v * options.dilation.height
              let column = at[2] * options.stride.width - options.padding.width + u * options.dilation.width
              guard row >= 0, row < s[1], column >= 0, column < s[2] else { continue }
              total += w[v, u, at[3]] * x[at[0], row, column, at[3]]
            }
          }
          return total
        }
      ]
    }
  }

  static let cases = [
    declare("3x3", DepthwiseConv2D(padding: 1), [[2, 9, 7, 40], [3, 3, 40]]),
    declare("3x3 with bias, stride 2", DepthwiseConv2D(stride: 2, padding: 1), [[3, 9, 8, 20], [3, 3, 20], [20]]),
    declare("5x5, few channels", DepthwiseConv2D(padding: 2), [[1, 6, 6, 3], [5, 5, 3]]),
    declare("dilated, without padding", DepthwiseConv2D(dilation: 2), [[2, 8, 9, 16], [3, 3, 16]]),
    declare("stride 3 of 7x7", DepthwiseConv2D(stride: 3, padding: 3), [[1, 10, 11, 5], [7, 7, 5], [5]]),
    declare("padding wider than the image", DepthwiseConv2D(padding: 3), [[1, 2, 2, 16], [7, 7, 16]]),
  ]

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }
}
