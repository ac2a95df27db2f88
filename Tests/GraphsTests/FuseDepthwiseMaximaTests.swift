import Compute
import Graphs
import Operators
import Testing

/// What is taken into one pass with a blurred map, and what must be left alone.
@Suite struct FuseDepthwiseMaximaTests {
  private func names(channels: Int = 16, _ build: (Tensor) -> [Tensor]) throws -> [String] {
    let trace = Trace(mode: .training)
    let x = trace.input("images", [2, 6, 5, channels]), filters = trace.input("filters", [3, 3, channels])
    let blurred = x.applying(DepthwiseConv2D(padding: 1), with: [filters])
    for (index, result) in build(blurred).enumerated() { trace.output("result\(index)", result) }
    return FuseDepthwiseMaxima().apply(to: try trace.finish()).nodes.map(\.subject.name)
  }

  @Test func bothMaxima() throws {
    let names = try names { [$0.applying(Max(over: [1, 2])), $0.applying(Max(over: [-1]))] }
    #expect(names == ["depthwise_maxima"])
    #expect(try self.names { [$0.applying(Max(over: [3])), $0.applying(Max(over: [1, 2]))] } == ["depthwise_maxima"])
  }

  @Test func whatOthersReadStays() throws {
    let third = try names { [$0.applying(Max(over: [1, 2])), $0.applying(Max(over: [3])), $0.applying(ReLU())] }
    #expect(third == ["depthwise_conv2d", "max", "max", "relu"])
    let result = try names { [$0.applying(Max(over: [1, 2])), $0.applying(Max(over: [3])), $0] }
    #expect(result == ["depthwise_conv2d", "max", "max"])
    let twice = try names { [$0.applying(Max(over: [3])), $0.applying(Max(over: [3]))] }
    #expect(twice == ["depthwise_conv2d", "max", "max"])
  }

  @Test func channelsThatDoNotFillVectorsStay() throws {
    let names = try names(channels: 20) { [$0.applying(Max(over: [1, 2])), $0.applying(Max(over: [3]))] }
    #expect(names == ["depthwise_conv2d", "max", "max"])
  }
}
