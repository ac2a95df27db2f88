import Compute
import Glibc

/// Cross-entropy of the softmax of logits, as a weighted sum over samples:
/// Σₙ weightₙ Σₖ tₙₖ (log Σⱼ e^xₙⱼ - xₙₖ).
///
/// Inputs: logits `[N, K]`; targets, either `[N]`, the class of each sample as a float, or `[N, K]`, a distribution
/// over classes; weights `[N]`. Output `[1]`: a sum and not a mean, since the division by the batch happens once, over
/// all replicas. Label smoothing e replaces a target t by (1 - e) t + e / K (Szegedy et al., CVPR 2016, section 7).
///
/// A sample of weight zero is left out, whatever its class; elsewhere a class outside 0..<K makes the loss NaN.
public struct SoftmaxCrossEntropy: Operator {
  /// 0...1.
  public let labelSmoothing: Float

  public init(labelSmoothing: Float = 0) { self.labelSmoothing = labelSmoothing }

  public var name: String { "softmax_cross_entropy" }

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
    SampleLosses.add(call, worker) { batch.crossEntropy(of: $0) }
  }

  /// dxₙₖ = dy weightₙ (softmax(xₙ)ₖ Σⱼ tₙⱼ - tₙₖ), the softmax computed again.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    SampleLosses.spread(call, worker, labelSmoothing: labelSmoothing) { batch, sample, factor, dx in
      batch.crossEntropyGradient(of: sample, times: factor, into: dx)
    }
  }
}

extension LabelledRows {
  /// With d = x - max x: Σ t (log Σ e^d - d).
  @inline(__always)
  fileprivate func crossEntropy(of sample: Int) -> Float {
    let x = logits + sample * row.count
    let largest = row.largest(of: x)
    let logarithm = log(row.sum { at, count in (x.lanes(at: at, first: count, fill: -.infinity) - largest).exponential })
    if soft {
      let t = targets + sample * row.count
      return row.sum { at, count in
        let target = (t.lanes(at: at, first: count) * kept + shared) * .inside(count)
        return target * (logarithm - (x.lanes(at: at, first: count, fill: largest) - largest))
      }
    }
    guard let label = label(sample) else { return .nan }
    let own = logarithm - (x[label] - largest)
    if shared == 0 { return own }
    let all = row.sum { at, count in (logarithm - (x.lanes(at: at, first: count) - largest)) * .inside(count) }
    return kept * own + shared * all
  }

  @inline(__always)
  fileprivate func crossEntropyGradient(of sample: Int, times scale: Float, into dx: GradientTarget) {
    let x = logits + sample * row.count, start = sample * row.count
    let largest = row.largest(of: x)
    let sum = row.sum { at, count in (x.lanes(at: at, first: count, fill: -.infinity) - largest).exponential }
    if soft {
      let t = targets + start
      let mass = kept * row.sum { at, count in t.lanes(at: at, first: count) } + shared * Float(row.count)
      row.visit { at, count in
        let share = (x.lanes(at: at, first: count) - largest).exponential * (mass / sum)
        dx.put((share - (t.lanes(at: at, first: count) * kept + shared)) * scale, at: start + at, first: count)
      }
    } else {
      let label = label(sample)
      let scale = label == nil ? .nan : scale
      row.visit { at, count in
        let share = (x.lanes(at: at, first: count) - largest).exponential * (1 / sum)
        var slope = (share - shared) * scale
        if let label, label >= at, label < at + count { slope[label - at] -= kept * scale }
        dx.put(slope, at: start + at, first: count)
      }
    }
  }
}
