import Compute
import Operators
import Support
import Testing

@Suite struct Resize2DTests {
  /// The twin: positions as fractions in double, clamped to the image. Sizes are such that no position of `nearest`
  /// lies within rounding of a pixel's edge unless it is exactly one.
  static func resized(
    _ shape: Shape, _ output: Extent2D, _ method: Resize2D.Method
  ) -> @Sendable ([DoubleTensor]) -> [DoubleTensor] {
    @Sendable func position(_ i: Int, _ inputs: Int, _ outputs: Int) -> Double {
      switch method {
      case .nearest: return Double(i * inputs / outputs)
      case .bilinear(alignCorners: true): return outputs > 1 ? Double(i * (inputs - 1)) / Double(outputs - 1) : 0
      case .bilinear(alignCorners: false):
        return min(max((Double(i) + 0.5) * Double(inputs) / Double(outputs) - 0.5, 0), Double(inputs - 1))
      }
    }
    return { inputs in
      let x = inputs[0]
      return [
        DoubleTensor([shape[0], output.height, output.width, shape[3]]) { index in
          let h = position(index[1], shape[1], output.height), w = position(index[2], shape[2], output.width)
          var total = 0.0
          for row in [Int(h), min(Int(h) + 1, shape[1] - 1)] {
            for column in [Int(w), min(Int(w) + 1, shape[2] - 1)] {
              let share = max(0, 1 - abs(h - Double(row))) * max(0, 1 - abs(w - Double(column)))
              let times = (Int(h) == shape[1] - 1 ? 2.0 : 1) * (Int(w) == shape[2] - 1 ? 2.0 : 1)
              total += share / times * x[index[0], row, column, index[3]]
            }
          }
          return total
        }
      ]
    }
  }

  static let shapes: [Shape] = [[2, 5, 7, 3], [1, 4, 6, 20], [1, 3, 3, 16], [1, 8, 5, 1], [1, 1, 2, 40]]

  static let cases = shapes.flatMap { shape in
    ([1, 6, Extent2D(9, 4), Extent2D(2, 13), Extent2D(16, 3)] as [Extent2D]).flatMap { output in
      ([.nearest, .bilinear(alignCorners: false), .bilinear(alignCorners: true)] as [Resize2D.Method]).map { method in
        OperatorCase(
          "\(shape) to \(output), \(method)", Resize2D(to: output, method), inputs: [shape],
          reference: resized(shape, output, method))
      }
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func sameSizeIsTheSame() {
    let values = (0..<60).map(Float.init)
    for method: Resize2D.Method in [.nearest, .bilinear(alignCorners: false), .bilinear(alignCorners: true)] {
      let run = DirectRun(Resize2D(to: Extent2D(4, 5), method), [([1, 4, 5, 3], values)])
      #expect(run.outputs == [values])
      #expect(run.gradients([values]) == [values])
    }
  }

  @Test func shapesThatDoNotFit() {
    let error = #expect(throws: ShapeError.self) { try Resize2D(to: 4, .nearest).outputShapes(for: [[2, 3, 4]]) }
    #expect(error?.description == "cannot resize [2, 3, 4] to 4 x 4: wanted [N, H, W, C]")
  }
}
