import Compute
import Graphs
import Operators
import Testing

/// Which convolutions take the moments of their output for a norm, and which must not.
@Suite struct MeasureConvolutionsTests {
  private func nodes(_ convolution: any Operator, filters: Shape, hasBias: Bool = false) throws -> [Node] {
    let trace = Trace(mode: .training)
    let x = trace.input("images", [2, 16, 16, 16])
    let channels: Shape = [filters.rank == 3 ? filters[2] : filters[0]]
    var operands = [trace.input("filters", filters)]
    if hasBias { operands.append(trace.input("bias", channels)) }
    let y = x.applying(convolution, with: operands)
    let running = ["mean", "variance"].map { trace.input($0, channels) }
    let statistics = trace.apply(BatchMoments(epsilon: 1e-3, momentum: 0.2), [y] + running, name: nil)
    trace.output("y", y)
    trace.output("mean", statistics[0])
    return MeasureConvolutions().apply(to: try trace.finish()).nodes
  }

  @Test func aConvolutionMeasuresForItsNorm() throws {
    let nodes = try nodes(Conv2D(), filters: [32, 1, 1, 16])
    #expect(nodes.map(\.subject.name) == ["conv2d", "running_moments"])
    #expect(nodes[0].outputs.count == 2 && nodes[1].inputs[0].value == nodes[0].outputs[1])
    #expect(nodes[1].inputs[0].shape == [2, 32] && nodes[1].outputs.count == 4)
    let running = try #require(nodes[1].subject as? RunningMoments)
    #expect(running.epsilon == 1e-3 && running.momentum == 0.2 && running.rows == 2 * 16 * 16)
  }

  @Test func soDoesOneChannelByChannel() throws {
    let nodes = try nodes(DepthwiseConv2D(padding: 1), filters: [3, 3, 16])
    #expect(nodes.map(\.subject.name) == ["depthwise_conv2d", "running_moments"])
    #expect(nodes[1].inputs[0].value == nodes[0].outputs[1] && nodes[1].inputs[0].shape == [2, 16])
  }

  @Test func othersAreLeftAlone() throws {
    let large = try nodes(DepthwiseConv2D(padding: 3), filters: [7, 7, 16])
    #expect(large.map(\.subject.name) == ["depthwise_conv2d", "batch_moments"])
    #expect(try nodes(Conv2D(), filters: [32, 1, 1, 16], hasBias: true).map(\.subject.name) == ["conv2d", "batch_moments"])
    let grouped = Conv2D(stride: 1, padding: 1, dilation: 1, groups: 4)
    #expect(try nodes(grouped, filters: [16, 3, 3, 4]).map(\.subject.name) == ["conv2d", "batch_moments"])
  }
}
