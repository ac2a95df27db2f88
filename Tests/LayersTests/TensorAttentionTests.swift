import Compute
import Graphs
import Layers
import Support
import Testing

/// The attention layers against scores, softmax and sums written out as matrix products.
@Suite struct TensorAttentionTests {
  static let heads = 2, width = 5, valueWidth = 7, queries = 37, keys = 21, batch = 3

  /// `[N, L, H·D]` as `[N, H, L, D]`.
  static func split(_ x: Tensor, _ width: Int) -> Tensor {
    x.reshaped(x.shape[0], x.shape[1], heads, width).transposed([0, 2, 1, 3])
  }

  /// The whole score matrix, step by step.
  static func plain(_ q: Tensor, _ k: Tensor, _ v: Tensor, _ width: Int, _ valueWidth: Int, _ bias: Tensor?) -> Tensor {
    var scores = split(q, width).matrixProduct(split(k, width), otherTransposed: true) * (1 / Float(width).squareRoot())
    if let bias { scores = scores + bias }
    return scores.softmax().matrixProduct(split(v, valueWidth)).transposed([0, 2, 1, 3])
      .reshaped(q.shape[0], q.shape[1], heads * valueWidth)
  }

  /// The output and the gradients at every input of a network on fixed numbers.
  static func results(_ shapes: [Shape], _ network: ([Tensor]) -> Tensor) throws -> [[Float]] {
    let trace = Trace(mode: .training)
    let y = network(shapes.enumerated().map { trace.input("\($0)", $1, wantsGradient: true) })
    trace.output("y", y)
    trace.root("y", y)
    let plan = Plan(try trace.finish(), workers: 2)
    let state = try ModelState(plan.program, layout: plan.layout, key: RandomKey(1))
    let runner = PlanRunner(
      plan, state: state, team: WorkerTeam(count: 2), arena: try Arena(byteCount: plan.arena.byteCount))
    for (index, view) in (shapes.indices.map { runner.input("\($0)") } + [runner.seed("y")]).enumerated() {
      var stream = RandomStream(RandomKey(5).appending(index))
      view.assign((0..<view.count).map { _ in stream.uniform(-2, 2) })
    }
    runner.forward(random: RandomKey(0))
    runner.backward(bucketReady: nil)
    return [runner.output("y").array] + shapes.indices.map { runner.inputGradient("\($0)").array }
  }

  static func expectEqual(_ shapes: [Shape], _ tiled: ([Tensor]) -> Tensor, _ plain: ([Tensor]) -> Tensor) throws {
    let found = try results(shapes, tiled), wanted = try results(shapes, plain)
    #expect(found.count == wanted.count)
    for (k, (found, wanted)) in zip(found, wanted).enumerated() {
      let deviation = Deviation(of: found, from: wanted.map(Double.init))
      #expect(deviation.relative < 1e-5, "\(k == 0 ? "the output" : "gradient \(k - 1)") at \(deviation.index)")
    }
  }

  @Test func separateOperandsWithBias() throws {
    let (h, d, e) = (Self.heads, Self.width, Self.valueWidth)
    try Self.expectEqual(
      [[Self.batch, Self.queries, h * d], [Self.batch, Self.keys, h * d], [Self.batch, Self.keys, h * e],
        [1, h, Self.queries, Self.keys]]
    ) { $0[0].attention(keys: $0[1], values: $0[2], heads: h, bias: $0[3]) } _: {
      Self.plain($0[0], $0[1], $0[2], d, e, $0[3])
    }
  }

  @Test func keysWithValues() throws {
    let channels = Self.heads * Self.width
    try Self.expectEqual([[Self.batch, Self.queries, channels], [Self.batch, Self.keys, 2 * channels]]) {
      $0[0].attention(keysWithValues: $0[1], heads: Self.heads)
    } _: {
      let k = $0[1].sliced(0..<channels, axis: -1), v = $0[1].sliced(channels..<2 * channels, axis: -1)
      return Self.plain($0[0], k, v, Self.width, Self.width, nil)
    }
  }

  @Test func selfAttention() throws {
    let channels = Self.heads * Self.width
    try Self.expectEqual([[Self.batch, Self.queries, 3 * channels]]) {
      $0[0].selfAttention(heads: Self.heads)
    } _: {
      let parts = (0..<3).map { [x = $0[0]] part in x.sliced(part * channels..<(part + 1) * channels, axis: -1) }
      return Self.plain(parts[0], parts[1], parts[2], Self.width, Self.width, nil)
    }
  }

  @Test func aMaskHasNoGradient() throws {
    let trace = Trace(mode: .training)
    let x = trace.input("x", [1, 4, 6], wantsGradient: true)
    let mask = trace.input("mask", [1, 1, 4, 4]), table = trace.input("table", [1, 2, 4, 4], wantsGradient: true)
    trace.root("y", x.selfAttention(heads: 2, mask: mask))
    trace.root("z", x.selfAttention(heads: 2, bias: table, mask: mask))
    let differentiable = try trace.finish().nodes.filter { $0.subject.name == "scaled_dot_product_attention" }
      .map { $0.subject.isDifferentiable(input: 1) }
    #expect(differentiable == [false, true])
  }

  @Test func mistakesHaveAPath() {
    let error = #expect(throws: TraceError.self) {
      _ = try LayerTrace([2, 4, 9]) { x in x.trace.scope("attn") { x.selfAttention(heads: 2) } }
    }
    #expect(
      error?.description
        == "attn.scaled_dot_product_attention: "
        + "cannot attend with 2 heads over [2, 4, 9]: 2 heads do not divide 3 channels")
  }
}
