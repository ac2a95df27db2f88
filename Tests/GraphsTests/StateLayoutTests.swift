import Compute
import Graphs
import Operators
import Testing

@Suite struct StateLayoutTests {
  /// Three linear layers: gradients become final from the last to the first.
  private func plan(bucketBytes: Int) throws -> Plan {
    let trace = Trace(mode: .training)
    var x = trace.input("x", [2, 8])
    for layer in 0..<3 {
      x = trace.scope("fc\(layer)") {
        x.applying(Linear(), with: [trace.parameter("weight", [8, 8], initializer: .constant(0), decays: true)])
      }
    }
    trace.root("loss", x)
    return Plan(try trace.finish(), workers: 1, bucketBytes: bucketBytes)
  }

  @Test func parametersLieInTheOrderOfTheirGradients() throws {
    let layout = try plan(bucketBytes: 1).layout
    #expect(layout.parameters.map(\.path) == ["fc2.weight", "fc1.weight", "fc0.weight"])
    #expect(layout.parameters.map(\.range.lowerBound) == [0, 64, 128])
    #expect(layout.count == 192)
  }

  @Test func bucketsCoverTheBlockAndCloseInOrder() throws {
    for bytes in [1, 300, 1 << 20] {
      let plan = try plan(bucketBytes: bytes)
      #expect(plan.buckets.first?.lowerBound == 0)
      #expect(plan.buckets.last?.upperBound == plan.layout.count)
      #expect(zip(plan.buckets, plan.buckets.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
      #expect(plan.bucketClosings == plan.bucketClosings.sorted())
      #expect(plan.buckets.count == (bytes == 1 ? 3 : bytes == 300 ? 2 : 1))
    }
  }

  /// A step replaces the statistics, which lie in front, and leaves the constants, which start with their values.
  @Test func constantsLieBehindStatistics() throws {
    let trace = Trace(mode: .inference)
    let x = trace.input("x", [2, 3])
    let constant = trace.constant("filter", [3], [1, 2, 3])
    let mean = trace.buffer("mean", [3], initialValue: 7)
    trace.output("y", x.applying(Multiply(), with: [constant]).applying(Add(), with: [mean]))
    let plan = Plan(try trace.finish(), workers: 1)
    #expect(plan.layout.buffers.map(\.path) == ["mean", "filter"])
    #expect(plan.layout.statisticsRange == 0..<16 && plan.layout.bufferRange == 0..<32)
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(0))
    withExtendedLifetime(state) {
      #expect(state.view("filter")!.array == [1, 2, 3] && state.view("mean")!.array == [7, 7, 7])
    }
  }

  @Test func fileLayoutPermutesThereAndBack() {
    let layout = FileLayout(shape: [2, 3, 1, 2], axes: [0, 2, 3, 1])  // OIHW in the file, OHWI in memory
    let file = (0..<12).map(Float.init)
    let memory = layout.toMemory(file)
    // Memory index (o, h, w, i) holds file index (o, i, h, w).
    #expect(memory == [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11])
    #expect(layout.toFile(memory) == file)
  }
}
