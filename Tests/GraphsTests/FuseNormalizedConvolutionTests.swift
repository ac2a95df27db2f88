import Compute
import Graphs
import Operators
import Testing

/// Which convolutions read their input through a norm, and which must not.
@Suite struct FuseNormalizedConvolutionTests {
  static func names(_ kernel: Int, padding: Int, stride: Int = 1, isReadTwice: Bool = false) throws -> [String] {
    let trace = Trace(mode: .training)
    let x = trace.input("images", [2, 16, 16, 16])
    let numbers = ["weight", "bias", "mean", "inverse"].map { trace.input($0, [16]) }
    let normal = x.applying(Normalize(.relu), with: numbers)
    let filters = trace.input("filters", [16, kernel, kernel, 16])
    let method = stride == 1 && kernel == 3 ? ConvolutionMethod.winograd : nil
    let convolution = Conv2D(stride: Extent2D(stride, stride), padding: Extent2D(padding, padding), dilation: 1, groups: 1,
      method: method)
    let y = normal.applying(convolution, with: [filters])
    trace.output("result", isReadTwice ? y.applying(Add(), with: [normal]) : y)
    return FuseNormalizedConvolution().apply(to: try trace.finish()).nodes.map(\.subject.name)
  }

  @Test func pointwiseAndWinogradReadThroughTheNorm() throws {
    #expect(try Self.names(1, padding: 0) == ["normalized_conv2d"])
    #expect(try Self.names(3, padding: 1) == ["normalized_conv2d"])
  }

  @Test(arguments: [(3, "normalized_depthwise_conv2d"), (7, "normalize depthwise_conv2d")])
  func channelByChannelTheSmallOnes(kernel: Int, wanted: String) throws {
    let trace = Trace(mode: .training)
    let x = trace.input("images", [2, 16, 16, 16])
    let numbers = ["weight", "bias", "mean", "inverse"].map { trace.input($0, [16]) }
    let filters = trace.input("filters", [kernel, kernel, 16]), padding = Extent2D(kernel / 2, kernel / 2)
    trace.output(
      "result",
      x.applying(Normalize(.relu6), with: numbers).applying(DepthwiseConv2D(padding: padding), with: [filters]))
    let nodes = FuseNormalizedConvolution().apply(to: try trace.finish()).nodes
    #expect(nodes.map(\.subject.name).joined(separator: " ") == wanted)
    if let fused = nodes[0].subject as? NormalizedDepthwiseConv2D { #expect(fused.activation == .relu6) }
  }

  @Test func othersAreLeftAlone() throws {
    #expect(try Self.names(5, padding: 2) == ["normalize", "conv2d"])
    #expect(try Self.names(3, padding: 1, stride: 2) == ["normalize", "conv2d"])
  }

  @Test func whatOthersReadStays() throws {
    #expect(try Self.names(1, padding: 0, isReadTwice: true) == ["normalize", "conv2d", "add"])
  }
}
