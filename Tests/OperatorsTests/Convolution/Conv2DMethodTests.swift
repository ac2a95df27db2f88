import Compute
import Operators
import Support
import Testing

/// The planar, the direct and the pointwise method, and tiles of large filters, against the definition, and against image-to-columns on the same numbers.
@Suite struct Conv2DMethodTests {
  struct Case: Sendable, CustomStringConvertible {
    let description: String
    var stride: Extent2D = 1
    var padding: Extent2D = 1
    let inputs: [Shape]

    func options(_ method: ConvolutionMethod?) -> Conv2D {
      Conv2D(stride: stride, padding: padding, dilation: 1, groups: 1, method: method)
    }
  }

  static let planar = [
    Case(description: "7x7 gate, wider than a vector", padding: 3, inputs: [[3, 9, 19, 2], [1, 7, 7, 2]]),
    Case(description: "7x7 gate on a pixel", padding: 3, inputs: [[2, 1, 1, 2], [1, 7, 7, 2]]),
    Case(description: "7x7 gate of 8 x 8", padding: 3, inputs: [[9, 8, 8, 2], [1, 7, 7, 2]]),
    Case(description: "7x7 gate of 18 x 32 with bias", padding: 3, inputs: [[1, 18, 32, 2], [1, 7, 7, 2], [1]]),
    Case(description: "several bands of rows", padding: 1, inputs: [[1, 9, 2_050, 1], [1, 3, 2, 1], [1]]),
    Case(description: "four by two channels with bias", inputs: [[3, 6, 17, 2], [4, 3, 3, 2], [4]]),
    Case(description: "two by three channels, 5x5", padding: 2, inputs: [[2, 7, 16, 3], [2, 5, 5, 3]]),
    Case(description: "8 columns of taps, no padding", padding: 0, inputs: [[2, 5, 24, 1], [2, 2, 8, 1]]),
    Case(description: "padding beyond the kernel", padding: 4, inputs: [[1, 4, 5, 1], [1, 3, 3, 1], [1]]),
  ]

  static let direct = [
    Case(description: "16 to 16, rows of 11", inputs: [[2, 5, 11, 16], [16, 3, 3, 16]]),
    Case(description: "32 to 32 with bias, rows of 8", inputs: [[1, 8, 8, 32], [32, 3, 3, 32], [32]]),
    Case(description: "48 to 16, rows of 4", inputs: [[2, 4, 4, 48], [16, 3, 3, 48]]),
    Case(description: "16 to 48, rows of 7, with bias", inputs: [[1, 7, 7, 16], [48, 3, 3, 16], [48]]),
    Case(description: "64 to 64 on a pixel", inputs: [[2, 1, 1, 64], [64, 3, 3, 64]]),
    Case(description: "stride 2, 16 to 32", stride: 2, inputs: [[1, 9, 8, 16], [32, 3, 3, 16]]),
    Case(description: "three channels in", inputs: [[2, 8, 9, 3], [16, 3, 3, 3], [16]]),
    Case(description: "5x5 without padding", padding: 0, inputs: [[1, 7, 8, 16], [16, 5, 5, 16]]),
    Case(description: "1x3", padding: .init(0, 1), inputs: [[2, 5, 6, 16], [16, 1, 3, 16]]),
    Case(description: "padding beyond the kernel", padding: 3, inputs: [[1, 4, 5, 16], [16, 3, 3, 16], [16]]),
  ]

  static let pointwise = [
    Case(description: "24 to 40 with bias, rows in parts of six", padding: 0, inputs: [[2, 5, 7, 24], [40, 1, 1, 24], [40]]),
    Case(description: "64 to 64, several parts of the batch", padding: 0, inputs: [[3, 16, 17, 64], [64, 1, 1, 64]]),
    Case(description: "one pixel, one channel", padding: 0, inputs: [[1, 1, 1, 1], [3, 1, 1, 1], [3]]),
  ]

  /// Filters large enough that dw is cut into tiles, gathered tap by tap.
  static let tiled = [
    Case(description: "tiles of 1x1 filters", padding: 0, inputs: [[2, 9, 9, 360], [370, 1, 1, 360], [370]]),
    Case(description: "tiles of 3x3 filters", inputs: [[2, 5, 7, 96], [160, 3, 3, 96], [160]]),
    Case(description: "tiles, stride 2", stride: 2, inputs: [[3, 12, 13, 270], [70, 3, 3, 270]]),
    Case(description: "tiles of 1x1 filters, stride 2", stride: 2, padding: 0, inputs: [[2, 11, 9, 300], [450, 1, 1, 300]]),
  ]

  @Test(arguments: pointwise) func pointwiseAgreesWithColumns(_ declared: Case) { compare(declared, .pointwise) }

  @Test(arguments: planar + direct + pointwise) func promises(_ declared: Case) {
    let options = declared.options(nil)
    let subject = OperatorCase(
      declared.description, options, inputs: declared.inputs, reference: Conv2DTests.reference(options))
    #expect(subject.check() == [])
  }

  @Test(arguments: planar) func planarAgreesWithColumns(_ declared: Case) { compare(declared, .planar) }

  @Test(arguments: direct) func directAgreesWithColumns(_ declared: Case) { compare(declared, .direct) }

  /// Small integers have exact sums, so the two methods must agree to the last bit.
  private func compare(_ declared: Case, _ method: ConvolutionMethod) {
    var stream = RandomStream(RandomKey(5).appending(declared.description))
    func integers(_ count: Int) -> [Float] { (0..<count).map { _ in Float(stream.integer(below: 7)) - 3 } }
    let inputs = declared.inputs.map { ($0, integers($0.count)) }
    let found = DirectRun(declared.options(method), inputs)
    let wanted = DirectRun(declared.options(.imageToColumns), inputs)
    #expect(found.outputs == wanted.outputs)
    let slopes = [integers(wanted.outputs[0].count)]
    #expect(found.gradients(slopes) == wanted.gradients(slopes))
  }

  /// dw[o, t, c] = Σ over pixels of dy[o] · x[c] under tap t, on small integers, whose sums are exact.
  @Test(arguments: tiled) func tilesGiveTheFilterGradient(_ declared: Case) {
    var stream = RandomStream(RandomKey(6).appending(declared.description))
    func integers(_ count: Int) -> [Float] { (0..<count).map { _ in Float(stream.integer(below: 7)) - 3 } }
    let inputs = declared.inputs.map { ($0, integers($0.count)) }, x = inputs[0].1
    let runs = [1, 3].map { DirectRun(declared.options(nil), inputs, workers: $0) }
    let image = inputs[0].0, filter = inputs[1].0, output = runs[0].outputShapes[0], slopes = integers(output.count)
    let stride = declared.stride, padding = declared.padding
    var wanted = [Float](repeating: 0, count: filter.count)
    for pixel in 0..<output.count / output[3] {
      let (n, i, j) = (pixel / (output[1] * output[2]), pixel / output[2] % output[1], pixel % output[2])
      for tap in 0..<filter[1] * filter[2] {
        let row = i * stride.height - padding.height + tap / filter[2]
        let column = j * stride.width - padding.width + tap % filter[2]
        guard row >= 0, row < image[1], column >= 0, column < image[2] else { continue }
        let source = ((n * image[1] + row) * image[2] + column) * image[3]
        for o in 0..<output[3] {
          let slope = slopes[pixel * output[3] + o], target = (o * filter[1] * filter[2] + tap) * image[3]
          for c in 0..<image[3] { wanted[target + c] += slope * x[source + c] }
        }
      }
    }
    for run in runs {
      let gradients = run.gradients([slopes])
      #expect(gradients[1] == wanted)
      if inputs.count > 2 {
        let sums = (0..<output[3]).map { o in Swift.stride(from: o, to: slopes.count, by: output[3]).reduce(0) { $0 + slopes[$1] } }
        #expect(gradients[2] == sums)
      }
    }
    #expect(runs[0].gradients([slopes]) == runs[1].gradients([slopes]))
  }

  /// 36 products for every sixteen outputs, those past the border included; the definition has 144.
  @Test func winogradDoesFewerProducts() throws {
    let inputs: [Shape] = [[2, 10, 8, 32], [48, 3, 3, 32]], plain = Conv2D(padding: 1)
    let outputs = try plain.outputShapes(for: inputs)
    #expect(plain.computedMultiplyAdds(inputs: inputs, outputs: outputs) == 2 * 80 * 9 * 32 * 48)
    // Ten rows are tiles of four, three and three outputs, which take six, five and five points.
    #expect(
      plain.computed(by: .winograd).computedMultiplyAdds(inputs: inputs, outputs: outputs)
        == 2 * (6 + 5 + 5) * (6 + 6) * 32 * 48)
  }
}
