import Compute
import Graphs
import Operators
import Support
import Testing

/// Which statistics of a map are taken in one pass, and which must be left alone.
@Suite struct FuseEntropiesTests {
  static func graph(_ build: (Trace, Tensor) -> Tensor) throws -> Graph {
    let trace = Trace(mode: .training)
    let result = build(trace, trace.input("images", [2, 4, 6, 8], wantsGradient: true))
    trace.output("result", result)
    trace.root("result", result)
    return try trace.finish()
  }

  static func names(_ build: (Trace, Tensor) -> Tensor) throws -> [String] {
    FuseEntropies().apply(to: try graph(build)).nodes.map(\.subject.name)
  }

  static func entropy(_ trace: Trace, _ x: Tensor, _ axis: Int) -> Tensor {
    trace.apply(SoftmaxEntropy(axis: axis), [x])[0]
  }

  /// The entropy of each channel over the places, of each place over the channels, and means, all in one map.
  static func statistics(_ trace: Trace, _ x: Tensor, hasMean: Bool, axes: [Int] = [1, 3]) -> Tensor {
    let square = x.applying(Tanh())
    let places = entropy(trace, square.reshaped(2, 24, 8), axes[0]).reshaped(2, 1, 1, 8)
    let channels = entropy(trace, square, axes[1])
    let map = hasMean ? channels.applying(Multiply(), with: [square.applying(Mean(over: [axes[1]]))]) : channels
    return square.applying(Multiply(), with: [places]).applying(Multiply(), with: [map])
  }

  @Test(arguments: [[1, 3], [-2, -1]]) func bothEntropiesAndTheMean(_ axes: [Int]) throws {
    let all = try Self.names { Self.statistics($0, $1, hasMean: true, axes: axes) }
    #expect(all == ["tanh", "softmax_entropies", "multiply", "multiply", "multiply"])
    let entropies = try Self.names { Self.statistics($0, $1, hasMean: false, axes: axes) }
    #expect(entropies == ["tanh", "softmax_entropies", "multiply", "multiply"])
  }

  @Test(arguments: [true, false]) func onEqualsOff(hasMean: Bool) throws {
    let graph = try Self.graph { Self.statistics($0, $1, hasMean: hasMean) }
    let on = Plan(graph, workers: 2, rewrites: [FuseEntropies()]), off = Plan(graph, workers: 2, rewrites: [])
    #expect(on.program.graph.nodes.count == off.program.graph.nodes.count - (hasMean ? 2 : 1))
    let found = try PlanRunnerTests.results(on, workers: 2), wanted = try PlanRunnerTests.results(off, workers: 2)
    for (found, wanted) in zip(found, wanted) {
      #expect(Deviation(of: found, from: wanted.map(Double.init)).relative < 1e-6)
    }
    #expect(try found == PlanRunnerTests.results(on, workers: 3, interpreted: true))
  }

  /// Means of another map, of another shape of the map or over other axes are no part of the pass, and neither are
  /// entropies along other axes or of two maps.
  @Test func othersStay() throws {
    let means = try Self.names { trace, x in
      let places = Self.entropy(trace, x.reshaped(2, 24, 8), 1).reshaped(2, 1, 1, 8)
      let other = x.applying(Tanh()).applying(Mean(over: [3])), level = x.applying(Mean(over: [1, 2]))
      return [Self.entropy(trace, x, 3), other, level].reduce(x.applying(Multiply(), with: [places])) {
        $0.applying(Multiply(), with: [$1])
      }
    }
    #expect(
      means == ["softmax_entropies", "tanh", "mean", "mean", "multiply", "multiply", "multiply", "multiply"])
    let halves = try Self.names { trace, x in
      let halves = Self.entropy(trace, x.reshaped(2, 6, 32), 1).reshaped(2, 4, 1, 8)
      return x.applying(Multiply(), with: [Self.entropy(trace, x, 3)]).applying(Multiply(), with: [halves])
    }
    #expect(halves == ["softmax_entropy", "softmax_entropy", "multiply", "multiply"])
    let maps = try Self.names { trace, x in
      let places = Self.entropy(trace, x.applying(Tanh()).reshaped(2, 24, 8), 1).reshaped(2, 1, 1, 8)
      return x.applying(Multiply(), with: [Self.entropy(trace, x, 3)]).applying(Multiply(), with: [places])
    }
    #expect(maps == ["tanh", "softmax_entropy", "softmax_entropy", "multiply", "multiply"])
  }
}
