import Compute
import Glibc

/// Layer-wise adaptive moments for large batches (You et al.; ICLR 2020, algorithm 2), in timm's form (`Lamb`). At
/// update t = 1, 2, …, for each parameter tensor:
/// ```
/// m = β1 · m + (1 - β1) · g
/// v = β2 · v + (1 - β2) · g²
/// u = m / (1 - β1^t) / (√v / √(1 - β2^t) + ε) + decay · p
/// p = p - rate · ‖p‖ / ‖u‖ · u
/// ```
/// The trust ratio ‖p‖ / ‖u‖ is 1 where a norm is 0, and for tensors without decay (norms, biases) unless
/// `alwaysAdapts`. Clipping the gradients' common norm (`max_grad_norm`) is `Clipping.norm`.
public struct LAMB: Optimizer {
  /// β1 and β2, 0..<1.
  public var betas: (Double, Double)
  /// ε, outside the bias-corrected root; above 0.
  public var epsilon: Double
  public var weightDecay: Double
  /// Whether the moments are divided by 1 - β^t.
  public var correctsBias = true
  /// Whether the trust ratio is at most 1.
  public var clipsTrust = false
  public var alwaysAdapts = false

  public init(betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-6, weightDecay: Double = 0.01) {
    self.betas = betas
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  public var name: String { "lamb" }
  public var stateBlocks: [String] { ["exp_avg", "exp_avg_sq"] }
  public var takesTensorNorms: Bool { true }
  public var hasMomentum: Bool { true }

  /// u, from the moments of this step.
  private struct Direction {
    let meanCorrection: Float
    let rootCorrection: Float
    let epsilon: Float
    let decay: Float

    init(_ rule: LAMB, _ call: UpdateCall) {
      // In double precision: 1 - β2^t is 0.001 at the first step, where single precision would keep four digits.
      let count = Double(call.step + 1), beta1 = call.momentum ?? rule.betas.0
      meanCorrection = Float(rule.correctsBias ? 1 - pow(beta1, count) : 1)
      rootCorrection = Float(rule.correctsBias ? (1 - pow(rule.betas.1, count)).squareRoot() : 1)
      epsilon = Float(rule.epsilon)
      decay = Float(rule.weightDecay)
    }

    @inline(__always)
    func callAsFunction(_ p: Lanes, _ m: Lanes, _ v: Lanes, _ group: ParameterGroup) -> Lanes {
      (m / meanCorrection / (v.squareRoot() / rootCorrection + epsilon))
        .addingProduct(p, Lanes(repeating: group.decays ? decay : 0))
    }
  }

  public func measure(_ call: UpdateCall, _ worker: Worker) {
    let parameters = call.parameters, mean = call.states[0], square = call.states[1]
    let direction = Direction(self, call)
    let meanGain = Float(1 - (call.momentum ?? betas.0))
    let squareGain = Float(1 - betas.1)
    let beta2 = Float(betas.1)
    call.tensorNorms.measure(call, worker) { offset, count, group in
      let p = parameters.load(at: offset, count)
      let g = call.gradient(at: offset, count)
      let oldMean = mean.load(at: offset, count)
      let m = oldMean.addingProduct(g - oldMean, Lanes(repeating: meanGain))
      let v = (square.load(at: offset, count) * beta2).addingProduct(g * g, Lanes(repeating: squareGain))
      mean.put(m, at: offset, count)
      square.put(v, at: offset, count)
      return (p, direction(p, m, v, group))
    }
  }

  public func update(_ call: UpdateCall, _ worker: Worker) {
    let parameters = call.parameters, mean = call.states[0], square = call.states[1]
    // Computed again from the new moments: a block to keep it would be as much memory as a moment.
    let direction = Direction(self, call)
    call.tensorNorms.forEachLanes(call, worker) { group, weights, update in
      Float(-call.rate * Double(group.rateScale) * trust(group, weights, update))
    } _: { offset, count, group, factor in
      let p = parameters.load(at: offset, count)
      let u = direction(p, mean.load(at: offset, count), square.load(at: offset, count), group)
      parameters.put(p.addingProduct(u, Lanes(repeating: factor)), at: offset, count)
    }
  }

  private func trust(_ group: ParameterGroup, _ weights: Double, _ update: Double) -> Double {
    guard alwaysAdapts || (group.decays && weightDecay != 0), weights > 0, update > 0 else { return 1 }
    return clipsTrust ? min(weights / update, 1) : weights / update
  }
}
