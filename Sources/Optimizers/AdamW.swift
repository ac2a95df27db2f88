import Compute
import Glibc

/// Adam with decoupled weight decay (Loshchilov, Hutter; ICLR 2019, algorithm 2), in PyTorch's form. At update t = 1,
/// 2, …:
/// ```
/// p = p · (1 - rate · decay)
/// m = m + (g - m) · (1 - β1)
/// v = β2 · v + (1 - β2) · g²
/// p = p - rate / (1 - β1^t) · m / (√v / √(1 - β2^t) + ε)
/// ```
public struct AdamW: Optimizer {
  /// β1 and β2, 0..<1.
  public var betas: (Double, Double)
  /// ε, outside the bias-corrected root.
  public var epsilon: Double
  public var weightDecay: Double

  public init(betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, weightDecay: Double = 0.01) {
    self.betas = betas
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  public var name: String { "adamw" }
  public var stateBlocks: [String] { ["exp_avg", "exp_avg_sq"] }
  public var hasMomentum: Bool { true }

  public func update(_ call: UpdateCall, _ worker: Worker) {
    let parameters = call.parameters
    let mean = call.states[0]
    let square = call.states[1]
    // In double precision: 1 - β2^t is 0.001 at the first step, where single precision would keep four digits.
    let count = Double(call.step + 1), beta1 = call.momentum ?? betas.0
    let meanCorrection = 1 - pow(beta1, count)
    let rootCorrection = Float((1 - pow(betas.1, count)).squareRoot())
    let meanGain = Float(1 - beta1)
    let squareGain = Float(1 - betas.1)
    let beta2 = Float(betas.1)
    let epsilon = Float(epsilon)
    call.forEachLanes(worker) { offset, count, group in
      let rate = call.rate * Double(group.rateScale)
      let shrink = Float(1 - rate * (group.decays ? weightDecay : 0))
      let stepSize = Float(rate / meanCorrection)
      let g = call.gradient(at: offset, count)
      let oldMean = mean.load(at: offset, count)
      let m = oldMean.addingProduct(g - oldMean, Lanes(repeating: meanGain))
      let v = (square.load(at: offset, count) * beta2).addingProduct(g * g, Lanes(repeating: squareGain))
      let direction = m / (v.squareRoot() / rootCorrection + epsilon)
      mean.put(m, at: offset, count)
      square.put(v, at: offset, count)
      let p = parameters.load(at: offset, count) * shrink
      parameters.put(p.addingProduct(direction, Lanes(repeating: -stepSize)), at: offset, count)
    }
  }
}
