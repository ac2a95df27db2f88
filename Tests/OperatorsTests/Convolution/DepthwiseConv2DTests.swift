import Compute
import Operators
import Support
import Testing

@Suite struct DepthwiseConv2DTests {
  /// The definition, tap by tap.
  static func reference(_ options: DepthwiseConv2D) -> @Sendable ([DoubleTensor]) -> [DoubleTensor] {
    { inputs in
      let x = inputs[0].values, w = inputs[1].values, kernel = inputs[1].shape
      let height = inputs[0].shape[1], width = inputs[0].shape[2], channels = inputs[0].shape[3]
      var y = DoubleTensor(try! options.outputShapes(for: inputs.map(\.shape))[0])
      let outputHeight = y.shape[1], outputWidth = y.shape[2]
      for pixel in 0..<y.shape.count / channels {
        let image = pixel / (outputHeight * outputWidth)
        let top = pixel / outputWidth % outputHeight * options.stride.height - options.padding.height
        let left = pixel % outputWidth * options.stride.width - options.padding.width
        for channel in 0..<channels {
          var total = inputs.count > 2 ? inputs[2].values[channel] : 0
          for tap in 0..<kernel[0] * kernel[1] {
            let row = top + tap / kernel[1] * options.dilation.height
            let column = left + tap % kernel[1] * options.dilation.width
            guard row >= 0, row < height, column >= 0, column < width else { continue }
            total += w[tap * channels + channel] * x[((image * height + row) * width + column) * channels + channel]
          }
          y.values[pixel * channels + channel] = total
        }
      }
      return [y]
    }
  }

  static func declare(_ label: String, _ options: DepthwiseConv2D, _ inputs: [Shape]) -> OperatorCase {
    OperatorCase(label, options, inputs: inputs, reference: reference(options))
  }

  static let cases = [
    declare("3x3", DepthwiseConv2D(padding: 1), [[2, 9, 7, 40], [3, 3, 40]]),
    declare("3x3 with bias, stride 2", DepthwiseConv2D(stride: 2, padding: 1), [[3, 9, 8, 20], [3, 3, 20], [20]]),
    declare("5x5, few channels", DepthwiseConv2D(padding: 2), [[1, 6, 6, 3], [5, 5, 3]]),
    declare("dilated, without padding", DepthwiseConv2D(dilation: 2), [[2, 8, 9, 16], [3, 3, 16]]),
    declare("stride 3 of 7x7", DepthwiseConv2D(stride: 3, padding: 3), [[1, 10, 11, 5], [7, 7, 5], [5]]),
    declare("padding wider than the image", DepthwiseConv2D(padding: 3), [[1, 2, 2, 16], [7, 7, 16]]),
  ]

  /// Whole vectors of channels and filters up to 5x5: read as they lie.
  static let direct = [
    declare("3x3, one image in many bands", DepthwiseConv2D(padding: 1), [[1, 21, 18, 32], [3, 3, 32], [32]]),
    declare("3x3 of 144 channels", DepthwiseConv2D(padding: 1), [[2, 5, 9, 144], [3, 3, 144]]),
    declare("3x3, stride 2, even", DepthwiseConv2D(stride: 2, padding: 1), [[3, 12, 34, 16], [3, 3, 16]]),
    declare("3x3, stride 2, odd", DepthwiseConv2D(stride: 2, padding: 1), [[1, 13, 37, 32], [3, 3, 32], [32]]),
    declare("3x3, stride 3", DepthwiseConv2D(stride: 3, padding: 1), [[2, 11, 26, 32], [3, 3, 32]]),
    declare(
      "3x3, stride 3, dilation 2", DepthwiseConv2D(stride: 3, padding: 2, dilation: 2), [[1, 11, 16, 16], [3, 3, 16]]),
    declare(
      "3x3, stride 2, dilation 2", DepthwiseConv2D(stride: 2, padding: 2, dilation: 2), [[2, 9, 12, 16], [3, 3, 16]]),
    declare("1x1 with stride 3", DepthwiseConv2D(stride: 3), [[2, 8, 7, 32], [1, 1, 32]]),
    declare("5x5 of 7 x 7", DepthwiseConv2D(padding: 2), [[1, 7, 7, 48], [5, 5, 48], [48]]),
    declare("4x2, padding beyond the filter", DepthwiseConv2D(padding: 4), [[2, 5, 4, 16], [4, 2, 16]]),
    declare(
      "different in each direction",
      DepthwiseConv2D(stride: .init(1, 2), padding: .init(0, 3), dilation: .init(2, 1)), [[2, 9, 10, 32], [3, 5, 32]]),
  ]

  /// Larger filters, or channels that end within a vector: by packed bands.
  static let packed = [
    declare("3x3 of 17 channels, stride 2", DepthwiseConv2D(stride: 2, padding: 1), [[1, 9, 11, 17], [3, 3, 17], [17]]),
    declare("3x3 of 17 channels, stride 3", DepthwiseConv2D(stride: 3, padding: 1), [[2, 10, 8, 17], [3, 3, 17]]),
    declare("7x7 of two blocks of channels", DepthwiseConv2D(padding: 3), [[2, 8, 14, 80], [7, 7, 80], [80]]),
    declare("7x7 with stride 2", DepthwiseConv2D(stride: 2, padding: 3), [[2, 15, 11, 32], [7, 7, 32]]),
    declare("9x9 with dilation 3", DepthwiseConv2D(padding: 12, dilation: 3), [[1, 9, 10, 16], [9, 9, 16]]),
    declare(
      "7x7, stride 2, dilation 3", DepthwiseConv2D(stride: 2, padding: 9, dilation: 3), [[1, 12, 11, 16], [7, 7, 16]]),
    declare("13x13", DepthwiseConv2D(padding: 6), [[1, 14, 9, 16], [13, 13, 16]]),
    declare("11x3, unpadded, stride 4", DepthwiseConv2D(stride: 4), [[2, 17, 12, 3], [11, 3, 3], [3]]),
    declare("several bands", DepthwiseConv2D(padding: 3), [[1, 40, 150, 3], [7, 7, 3], [3]]),
    declare("several bands, stride 2", DepthwiseConv2D(stride: 2, padding: 2), [[1, 61, 150, 2], [7, 5, 2]]),
  ]

  @Test(arguments: cases + direct + packed) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }
}
