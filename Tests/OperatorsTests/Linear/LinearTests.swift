import Compute
import Operators
import Support
import Testing

@Suite struct LinearTests {
  static func declare(_ label: String, _ inputs: [Shape]) -> OperatorCase {
    OperatorCase(label, Linear(), inputs: inputs) { inputs in
      let x = inputs[0], w = inputs[1], width = w.shape[1]
      let shape = try! Linear().outputShapes(for: inputs.map(\.shape))[0]
      return [
        DoubleTensor(shape) { at in
          let row = shape.flat(at) / w.shape[0], output = at.last!
          return (0..<width).reduce(inputs.count > 2 ? inputs[2].values[output] : 0) {
            $0 + x.values[row * width + $1] * w.values[output * width + $1]
          }
        }
      ]
    }
  }

  static let cases = [
    declare("with bias", [[5, 33], [7, 33], [7]]),
    declare("several tiles", [[270, 20], [300, 20], [300]]),
    declare("tokens without bias", [[2, 9, 16], [24, 16]]),
    declare("one feature", [[3, 1, 1, 4], [1, 4], [1]]),
  ]

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }
}

@Suite struct BatchedMatrixProductTests {
  static let cases = [(false, false), (true, false), (false, true), (true, true)].flatMap { first, second in
    [[2, 3, 5, 7, 4], [1, 1, 140, 9, 17]].map { extents in
      let (m, k, n) = (extents[2], extents[3], extents[4])
      let a = Shape([extents[0], extents[1]] + (first ? [k, m] : [m, k]))
      let c = Shape([extents[0], extents[1]] + (second ? [n, k] : [k, n]))
      return OperatorCase(
        "\(a)\(first ? "ᵀ" : "") · \(c)\(second ? "ᵀ" : "")",
        BatchedMatrixProduct(transposesFirst: first, transposesSecond: second), inputs: [a, c]
      ) { inputs in
        [
          DoubleTensor(Shape([extents[0], extents[1], m, n])) { at in
            (0..<k).reduce(0) { total, i in
              total + inputs[0][[at[0], at[1]] + (first ? [i, at[2]] : [at[2], i])]
                * inputs[1][[at[0], at[1]] + (second ? [at[3], i] : [i, at[3]])]
            }
          }
        ]
      }
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }
}
