import Compute
import Operators
import Support
import Testing

/// Batch normalisation with given statistics.
@Suite struct BatchNormInferenceTests {
  static let shapes: [Shape] = [[4, 5, 5, 16], [3, 7, 7, 3], [1, 24], [2000, 1], [1, 2], [2, 17, 17, 64], [35, 528]]

  static let cases = shapes.map { shape in
    let channels = shape.channels
    return OperatorCase(
      "\(shape)", BatchNormInference(epsilon: 1e-3),
      inputs: [shape, [channels], [channels], [channels], [channels]]
    ) { input, stream in
      input == 4 ? stream.uniform(0.1, 2) : stream.uniform(-1, 1)
    } reference: { inputs in
      [
        DoubleTensor(shape) { index in
          let c = index.last!
          let normal = (inputs[0][index] - inputs[3][c]) / (inputs[4][c] + Double(Float(1e-3))).squareRoot()
          return normal * inputs[1][c] + inputs[2][c]
        }
      ]
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func shapesThatDoNotFit() {
    let error = #expect(throws: ShapeError.self) {
      try BatchNormInference().outputShapes(for: [[8, 64], [64], [1], [64], [64]])
    }
    #expect(error?.description == "cannot batch_norm_inference [8, 64]: the bias is [1], wanted [64]")
  }
}
