import Compute
import Operators
import Support
import Testing

/// The residual sum and its normalisation in one pass.
@Suite struct AddLayerNormTests {
  static let cases = LayerNormTests.shapes.flatMap { shape in
    ([[0, 1], [0]] as [Set<Int>]).map { gradients in
      OperatorCase(
        "\(shape), gradients at \(gradients.sorted())", AddLayerNorm(epsilon: 1e-3),
        inputs: [shape, shape, [shape.channels], [shape.channels]], outputsWithGradient: gradients
      ) { inputs in
        let sum = DoubleTensor(shape, zip(inputs[0].values, inputs[1].values).map { $0 + $1 })
        return [sum] + LayerNormTests.reference(sum, inputs[2], inputs[3])
      }
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func shapesThatDoNotFit() {
    let error = #expect(throws: ShapeError.self) {
      try AddLayerNorm().outputShapes(for: [[8, 49, 64], [49, 64], [64], [64]])
    }
    #expect(error?.description == "cannot add_layer_norm [8, 49, 64] and [49, 64]: both must have one shape")
  }
}
