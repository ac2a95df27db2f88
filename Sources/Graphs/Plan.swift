import Compute
import Operators

/// A program with a place for everything: what a step costs is known before the first one runs.
public struct Plan: Sendable, CustomStringConvertible {
  public let program: Program
  public let layout: StateLayout
  public let arena: ArenaLayout
  public let workers: Int
  /// Ranges of the state block whose gradients travel together, in the order in which they become final.
  public let buckets: [Range<Int>]
  /// The bytes of each bucket.
  public var bucketBytes: [Int] { buckets.map { $0.count * MemoryLayout<Float>.stride } }
  /// The step after which each bucket is final.
  public let bucketClosings: [Int]

  /// The rewrites that a graph goes through, in order.
  public static let rewrites: [any Rewrite] = [
    RemoveUnusedNodes(), FuseGatedResidual(), FuseShiftedResidual(), FuseNormalization(), FuseNormalizeSqueeze(),
    DeferNormToGates(), FuseEntropies(), FuseDepthwiseMaxima(), FuseLinearActivation(), FuseAddLayerNorm(),
    ChooseConvolutionMethods(), FuseNormalizedConvolution(), MeasureConvolutions(),
  ]

  /// The rewrites but for those that are called so: how a run tells a faulty rewrite from a faulty network.
  /// - Parameter choices: measured methods of convolutions, where the rule is not to choose them.
  public static func rewrites(except names: Set<String>, choices: ConvolutionChoices? = nil) -> [any Rewrite] {
    rewrites.filter { !names.contains($0.name) }.map { rewrite in
      rewrite is ChooseConvolutionMethods ? choices.map { ChooseConvolutionMethods($0) } ?? rewrite : rewrite
    }
  }

  /// Plans `graph` for a team of `workers`.
  /// - Parameters:
  ///   - layout: the layout of an earlier plan with the same parameters, so that both work on one model.
  ///   - inPlace: whether operators may compute in the memory of what they consume; the numbers are the same.
  ///   - recomputes: whether what is nearly free is computed again in the backward pass; the numbers are the same.
  public init(
    _ graph: Graph, workers: Int, layout: StateLayout? = nil, bucketBytes: Int = 4 << 20,
    rewrites: [any Rewrite] = Plan.rewrites, inPlace: Bool = true, recomputes: Bool = true
  ) {
    let program = Program(rewrites.reduce(graph) { $1.apply(to: $0) })
    self.init(
      recomputes ? Recomputation.free(program, workers: workers, written: graph) : program, workers: workers,
      layout: layout, bucketBytes: bucketBytes, inPlace: inPlace)
  }

  /// Plans `graph` so that the arena keeps to a budget.
  /// - Throws: when nothing that may be computed again makes the arena small enough.
  public init(
    _ graph: Graph, workers: Int, layout: StateLayout? = nil, bucketBytes: Int = 4 << 20,
    rewrites: [any Rewrite] = Plan.rewrites, budget: MemoryBudget
  ) throws(MemoryBudgetError) {
    guard case .bytes(let bytes) = budget else {
      self.init(
        graph, workers: workers, layout: layout, bucketBytes: bucketBytes, rewrites: rewrites,
        recomputes: budget == .auto)
      return
    }
    let program = Program(rewrites.reduce(graph) { $1.apply(to: $0) })
    self.init(
      try Recomputation.fit(program, workers: workers, budget: bytes), workers: workers, layout: layout,
      bucketBytes: bucketBytes)
  }

  /// Plans a program as it is.
  package init(_ program: Program, workers: Int, layout: StateLayout?, bucketBytes: Int, inPlace: Bool = true) {
    let layout = layout ?? StateLayout(program)
    self.program = program
    self.layout = layout
    self.workers = workers
    arena = ArenaLayout(program, workers: workers, inPlace: inPlace)
    buckets = layout.buckets(bucketBytes: bucketBytes)
    bucketClosings = Self.closings(of: buckets, program, layout)
  }

  private static func closings(of buckets: [Range<Int>], _ program: Program, _ layout: StateLayout) -> [Int] {
    var closings = [Int](repeating: max(program.forwardCount - 1, 0), count: buckets.count)
    for (index, step) in program.steps.enumerated() {
      for use in step.writes.compactMap({ $0 }) {
        guard case .gradient(let parameter) = program.cells[use.cell].place,
          let entry = layout.parameter(program.graph.parameters[parameter].path),
          let bucket = buckets.firstIndex(where: { $0.contains(entry.range.lowerBound) })
        else { continue }
        closings[bucket] = max(closings[bucket], index)
      }
    }
    // Buckets are reduced in order on every rank: one that closes early waits for those before it.
    for bucket in closings.indices.dropFirst() { closings[bucket] = max(closings[bucket], closings[bucket - 1]) }
    return closings
  }

  /// Every step with its path, shapes, bytes kept and multiply-adds, and where each bucket closes.
  public var description: String {
    var lines = [
      "\(program.steps.count) steps (\(program.forwardCount) forward), arena \(arena.byteCount) bytes "
        + "(lower bound \(arena.lowerBoundBytes)), \(layout.parameters.count) parameters in \(buckets.count) buckets"
    ]
    for (index, step) in program.steps.enumerated() {
      lines.append(describe(step, index))
      for bucket in buckets.indices where bucketClosings[bucket] == index {
        lines.append("      bucket \(bucket) closes: \(buckets[bucket].count * 4) bytes")
      }
    }
    return lines.joined(separator: "\n")
  }

  private func describe(_ step: Program.Step, _ index: Int) -> String {
    let name = step.node == nil ? "" : program.kind(of: step).name
    let shapes = step.writes.compactMap { $0?.shape.description }.joined(separator: " ")
    let adds: String
    switch step.action {
    case .forward: adds = "forward"
    case .recompute: adds = "recompute"
    case .backward(let accumulates): adds = accumulates.contains(true) ? "backward, adds" : "backward"
    case .add: adds = "add"
    case .zero: adds = "zero"
    }
    let kept = (step.keptInputs + step.keptOutputs).compactMap { $0 }.reduce(0) { $0 + $1.shape.byteCount }
    return "\(index): \(adds) \(name) \(step.path) -> \(shapes)" + (kept > 0 ? " (reads \(kept) kept bytes)" : "")
  }

  /// A number that two plans share only when they take the same steps on the same shapes: ranks compare it before they
  /// start. Where things lie in the arena and what is computed again may differ, since ranks may have different numbers
  /// of threads.
  public var fingerprint: UInt64 {
    let steps = program.steps.filter { !$0.isRepeated }.enumerated().map { describe($1, $0) }
    return RandomKey(0).appending(steps.joined(separator: "\n") + "\(buckets)").bits
  }
}
