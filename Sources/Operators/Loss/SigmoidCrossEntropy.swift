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
    let batch = LabelledRows(call.inputs, labelSmoothing: labelSmoothing)
    SampleLosses.add(call, worker) { batch.binaryCrossEntropy(of: $0) }
  }

  /// dxₙₖ = dy weightₙ / K (σ(xₙₖ) - tₙₖ).
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    SampleLosses.spread(call, worker, labelSmoothing: labelSmoothing) { batch, sample, factor, dx in
      batch.binaryCrossEntropyGradient(of: sample, times: factor, into: dx)
    }
  }
}

extension LabelledRows {
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
  fileprivate func binaryCrossEntropy(of sample: Int) -> Float {
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
  fileprivate func binaryCrossEntropyGradient(of sample: Int, times scale: Float, into dx: GradientTarget) {
    let x = logits + sample * row.count, start = sample * row.count
    let label = soft ? nil : label(sample), isMissing = !soft && label == nil
    let scale = isMissing ? .nan : scale / Float(row.count)
    row.visit { at, count in
      let slope = x.lanes(at: at, first: count).logistic - targets(sample, label, at, count)
      dx.put(slope * scale, at: start + at, first: count)
    }
  }
}
