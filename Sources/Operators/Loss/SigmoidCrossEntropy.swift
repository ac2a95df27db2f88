import Compute

/// Binary cross-entropy of the sigmoids of logits, a yes or no for each class, as a weighted sum over samples of the mean
/// over classes: Σₙ weightₙ / K Σₖ (log(1 + e^xₙₖ) - tₙₖ xₙₖ) (Wightman, Touvron, Jégou; 2021, section 2.2).
///
/// Inputs and output are those of `SoftmaxCrossEntropy`: logits `[N, K]`; targets `[N]`, the class of each sample as a
/// float, or `[N, K]`; weights `[N]`; output `[1]`. Label smoothing e replaces a target t by (1 - e) t + e / K.
///
/// A sample of weight zero is left out, whatever its class; elsewhere a class outside 0..<K makes the loss NaN.
public struct SigmoidCrossEntropy: Operator {
  /// 0...1.
  public let labelSmoothing: Float

  public init(labelSmoothing: Float = 0) { self.labelSmoothing = labelSmoothing }

  public var name: String { "sigmoid_cross_entropy" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    try SampleLosses.outputShapes(for: inputs, name: name)
  }

  public var keeps: Kept { Kept(inputs: [0, 1, 2]) }

  public func isDifferentiable(input: Int) -> Bool { input == 0 }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    pass == .forward ? SampleLosses.scratch(inputs[0]) : Scratch()
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let batch = BinaryRows(call.inputs, labelSmoothing: labelSmoothing)
    SampleLosses.add(call, worker) { batch.loss(of: $0) }
  }

  /// dxₙₖ = dy weightₙ / K (σ(xₙₖ) - tₙₖ).
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0] else { return }
    let batch = BinaryRows(call.inputs, labelSmoothing: labelSmoothing)
    for rows in worker.ranges(call.inputs[0].shape[0], by: SampleLosses.tileRows(batch.row.count)) {
      for sample in rows { batch.gradient(of: sample, times: dy[0] * batch.weights[sample], into: dx) }
    }
  }
}

/// The samples of a binary cross-entropy: logits, targets of either form, weights.
private struct BinaryRows {
  let row: LaneRow
  let logits, targets, weights: UnsafePointer<Float>
  /// Whether targets are given for every class rather than as class numbers.
  let soft: Bool
  /// What smoothing leaves of a target, and what it gives to every class.
  let kept, shared: Float

  init(_ inputs: [TensorView], labelSmoothing: Float) {
    row = LaneRow(inputs[0].shape[1])
    logits = UnsafePointer(inputs[0].pointer)
    targets = UnsafePointer(inputs[1].pointer)
    weights = UnsafePointer(inputs[2].pointer)
    soft = inputs[1].shape.rank == 2
    kept = 1 - labelSmoothing
    shared = labelSmoothing / Float(row.count)
  }

  /// The class of a sample; NaN is none, and neither is one outside 0..<K.
  @inline(__always)
  private func label(_ sample: Int) -> Int? {
    let label = targets[sample]
    return label >= 0 && label < Float(row.count) ? Int(label) : nil
  }

  /// The smoothed targets of `count` classes from `at` on.
  @inline(__always)
  private func targets(_ sample: Int, _ label: Int?, _ at: Int, _ count: Int) -> Lanes {
    if soft { return (targets + sample * row.count).lanes(at: at, first: count) * kept + shared }
    var lanes = Lanes(repeating: shared)
    if let label, label >= at, label < at + count { lanes[label - at] += kept }
    return lanes
  }

  /// The mean over classes of log(1 + e^x) - t x, as max(x, 0) - t x + log(1 + e^-|x|), which no x overflows.
  @inline(__always)
  func loss(of sample: Int) -> Float {
    let x = logits + sample * row.count, label = soft ? nil : label(sample)
    if !soft && label == nil { return .nan }
    let sum = row.sum { at, count in
      let x = x.lanes(at: at, first: count), targets = targets(sample, label, at, count)
      let positive = x.replacing(with: 0, where: x .< 0)
      return (positive - targets * x + (1 + (-x.magnitude).exponential).logarithm) * .inside(count)
    }
    return sum / Float(row.count)
  }

  @inline(__always)
  func gradient(of sample: Int, times scale: Float, into dx: GradientTarget) {
    let x = logits + sample * row.count, start = sample * row.count
    // A sample that is left out may hold anything, infinities too.
    if weights[sample] == 0 {
      return row.visit { at, count in dx.put(Lanes(repeating: 0), at: start + at, first: count) }
    }
    let label = soft ? nil : label(sample), isMissing = !soft && label == nil
    let scale = isMissing ? .nan : scale / Float(row.count)
    row.visit { at, count in
      let slope = x.lanes(at: at, first: count).logistic - targets(sample, label, at, count)
      dx.put(slope * scale, at: start + at, first: count)
    }
  }
}
