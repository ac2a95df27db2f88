import Compute
import Foundation
import Operators
import Support
import Testing

@Suite struct LinearTests {
  static func declare(
    _ label: String, _ inputs: [Shape], _ activation: LinearActivation? = nil,
    _ exact: (@Sendable (Double) -> Double)? = nil
  ) -> OperatorCase {
    let subject = Linear(activation: activation)
    return OperatorCase(label, subject, inputs: inputs, outputsWithGradient: [0]) { inputs in
      let x = inputs[0], w = inputs[1], width = w.shape[1], outputs = w.shape[0]
      let shapes = try! subject.outputShapes(for: inputs.map(\.shape))
      var product = DoubleTensor(shapes[0])
      for row in 0..<shapes[0].count / outputs {
        for output in 0..<outputs {
          var sum = inputs.count > 2 ? inputs[2].values[output] : 0
          for k in 0..<width { sum += x.values[row * width + k] * w.values[output * width + k] }
          product.values[row * outputs + output] = sum
        }
      }
      guard let exact else { return [product] }
      return shapes.count == 1 ? [product.map(exact)] : [product.map(exact), product]
    }
  }

  static let cases = [
    declare("with bias", [[5, 33], [7, 33], [7]]),
    declare("several tiles", [[270, 20], [300, 20], [300]]),
    declare("tokens without bias", [[2, 9, 16], [24, 16]]),
    declare("one feature", [[3, 1, 1, 4], [1, 4], [1]]),
    declare("many rows", [[4_101, 3], [5, 3], [5]]),
    declare("many rows without bias", [[4_101, 3], [5, 3]]),
    declare("relu", [[9, 20], [35, 20], [35]], .relu) { max($0, 0) },
    declare("silu, no bias", [[6, 20], [35, 20]], .silu) { $0 / (1 + exp(-$0)) },
    declare("gelu", [[2, 7, 16], [24, 16], [24]], .gelu(.none)) { $0 * erfc(-$0 / 2.0.squareRoot()) / 2 },
    declare("gelu, several tiles", [[270, 300], [20, 300], [20]], .gelu(.none)) {
      $0 * erfc(-$0 / 2.0.squareRoot()) / 2
    },
    declare("gelu by tanh, many rows", [[4_101, 3], [5, 3], [5]], .gelu(.tanh)) {
      $0 / 2 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
    },
  ]

  /// In inference nobody reads the activation's argument: it has no memory.
  @Test func withoutBackwardPassThereIsOneOutput() throws {
    let inputs: [(Shape, [Float])] = [([2, 2], [1, -2, 3, 4]), ([1, 2], [1, 1]), ([1], [0.5])]
    let kept = SingleRun.forward(Linear(activation: .gelu(.none)), inputs)
    #expect(kept[1] == [-0.5, 7.5])
    #expect(SingleRun.forward(Linear(activation: .gelu(.none), keepsArgument: false), inputs) == [kept[0]])
  }

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
