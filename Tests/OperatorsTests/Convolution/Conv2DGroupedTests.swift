import Compute
import Operators
import Support
import Testing

/// Grouped convolutions against the definition, and against image-to-columns on the same numbers.
@Suite struct Conv2DGroupedTests {
  struct Case: Sendable, CustomStringConvertible {
    let description: String
    var stride: Extent2D = 1
    var padding: Extent2D = 1
    var dilation: Extent2D = 1
    let groups: Int
    let inputs: [Shape]

    func options(_ method: ConvolutionMethod?) -> Conv2D {
      Conv2D(stride: stride, padding: padding, dilation: dilation, groups: groups, method: method)
    }
  }

  static let cases = [
    Case(description: "8 groups of 4", groups: 8, inputs: [[2, 7, 9, 32], [32, 3, 3, 4]]),
    Case(
      description: "6 groups of 4, stride 2, bias", stride: 2, groups: 6, inputs: [[1, 9, 8, 24], [24, 3, 3, 4], [24]]),
    Case(description: "3 groups of 8", groups: 3, inputs: [[1, 6, 15, 24], [24, 3, 3, 8]]),
    Case(description: "4 groups of 8, stride 2", stride: 2, groups: 4, inputs: [[2, 8, 7, 32], [32, 3, 3, 8]]),
    Case(description: "2 groups of 16, bias", groups: 2, inputs: [[1, 6, 5, 32], [32, 3, 3, 16], [32]]),
    Case(description: "2 groups of 32, stride 2", stride: 2, groups: 2, inputs: [[1, 7, 6, 64], [64, 3, 3, 32]]),
    Case(description: "4 groups of 26", groups: 4, inputs: [[1, 5, 6, 104], [104, 3, 3, 26]]),
    Case(description: "2 groups of 40, bias", groups: 2, inputs: [[1, 4, 5, 80], [80, 3, 3, 40], [80]]),
    Case(description: "5 groups of 3 to 6", groups: 5, inputs: [[2, 5, 6, 15], [30, 3, 3, 3], [30]]),
    Case(description: "6 groups of 1 to 3", groups: 6, inputs: [[1, 6, 7, 6], [18, 5, 5, 1]]),
    Case(description: "4 groups of 12 to 7", groups: 4, inputs: [[1, 5, 8, 48], [28, 3, 3, 12]]),
    Case(description: "3 groups of 5 to 20", groups: 3, inputs: [[1, 6, 5, 15], [60, 3, 3, 5], [60]]),
    Case(description: "1x1, 4 groups of 10", padding: 0, groups: 4, inputs: [[3, 5, 6, 40], [40, 1, 1, 10]]),
    Case(
      description: "stride 3, dilation 2", stride: 3, padding: 2, dilation: 2, groups: 2,
      inputs: [[1, 11, 9, 8], [8, 3, 3, 4]]),
    Case(description: "dilation 2, wide", padding: 2, dilation: 2, groups: 2, inputs: [[1, 6, 7, 40], [40, 3, 3, 20]]),
    Case(
      description: "different in each direction", stride: .init(2, 1), padding: .init(0, 3), dilation: .init(1, 2),
      groups: 2, inputs: [[2, 8, 9, 8], [12, 2, 5, 4]]),
    Case(description: "several bands", groups: 2, inputs: [[1, 60, 70, 8], [8, 3, 3, 4]]),
    Case(description: "several bands, stride 2", stride: 2, groups: 2, inputs: [[1, 61, 140, 4], [8, 3, 3, 2]]),
  ]

  /// The definition, tap by tap.
  static func reference(_ options: Conv2D) -> @Sendable ([DoubleTensor]) -> [DoubleTensor] {
    { inputs in
      let x = inputs[0].values, w = inputs[1].values, kernel = inputs[1].shape
      let height = inputs[0].shape[1], width = inputs[0].shape[2], channels = inputs[0].shape[3]
      var y = DoubleTensor(try! options.outputShapes(for: inputs.map(\.shape))[0])
      let outputHeight = y.shape[1], outputWidth = y.shape[2], outputs = y.shape[3], depth = kernel[3]
      for pixel in 0..<y.shape.count / outputs {
        let image = pixel / (outputHeight * outputWidth)
        let top = pixel / outputWidth % outputHeight * options.stride.height - options.padding.height
        let left = pixel % outputWidth * options.stride.width - options.padding.width
        for tap in 0..<kernel[1] * kernel[2] {
          let row = top + tap / kernel[2] * options.dilation.height
          let column = left + tap % kernel[2] * options.dilation.width
          guard row >= 0, row < height, column >= 0, column < width else { continue }
          for output in 0..<outputs {
            let group = output * options.groups / outputs
            let source = ((image * height + row) * width + column) * channels + group * depth
            let filter = (output * kernel[1] * kernel[2] + tap) * depth
            for c in 0..<depth { y.values[pixel * outputs + output] += w[filter + c] * x[source + c] }
          }
        }
        if inputs.count > 2 {
          for output in 0..<outputs { y.values[pixel * outputs + output] += inputs[2].values[output] }
        }
      }
      return [y]
    }
  }

  @Test(arguments: cases) func promises(_ declared: Case) {
    let options = declared.options(nil)
    let subject = OperatorCase(
      declared.description, options, inputs: declared.inputs, reference: Self.reference(options))
    #expect(subject.check() == [])
  }

  /// Small integers have exact sums, so the two methods must agree to the last bit.
  @Test(arguments: cases) func agreesWithColumns(_ declared: Case) {
    var stream = RandomStream(RandomKey(5).appending(declared.description))
    func integers(_ count: Int) -> [Float] { (0..<count).map { _ in Float(stream.integer(below: 7)) - 3 } }
    let inputs = declared.inputs.map { ($0, integers($0.count)) }
    let found = DirectRun(declared.options(.grouped), inputs)
    let wanted = DirectRun(declared.options(.imageToColumns), inputs)
    #expect(found.outputs == wanted.outputs)
    let slopes = [integers(wanted.outputs[0].count)]
    #expect(found.gradients(slopes) == wanted.gradients(slopes))
  }
}
