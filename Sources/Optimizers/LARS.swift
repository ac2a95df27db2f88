import Compute

/// Layer-wise adaptive rates for large batches (You, Gitman, Ginsburg 2017, algorithm 1), in timm's form (`Lars`). For
/// each parameter tensor:
/// ```
/// trust = coefficient · ‖p‖ / (‖g‖ + decay · ‖p‖ + ε)
/// d = trust · (g + decay · p)
/// m = momentum · m + d
/// p = p - rate · (d + momentum · m)     with Nesterov's look-ahead
/// p = p - rate · m                      without
/// ```
/// The trust is 1 where a norm is 0, and for tensors without decay (norms, biases) unless `alwaysAdapts`.
public struct LARS: Optimizer {
  /// 0..<1; without momentum the rule keeps no state.
  public var momentum: Float
  public var isNesterov: Bool
  public var weightDecay: Double
  /// The part of a tensor's norm that one step at rate 1 may move it by.
  public var trustCoefficient: Double
  public var epsilon: Double
  /// Whether trust · rate is at most the rate: trust = min(trust / rate, 1), as LARC has it.
  public var clipsTrust = false
  public var alwaysAdapts = false

  public init(
    momentum: Float = 0, isNesterov: Bool = false, weightDecay: Double = 0, trustCoefficient: Double = 0.001,
    epsilon: Double = 1e-8
  ) {
    self.momentum = momentum
    self.isNesterov = isNesterov
    self.weightDecay = weightDecay
    self.trustCoefficient = trustCoefficient
    self.epsilon = epsilon
  }

  public var name: String { "lars" }
  public var stateBlocks: [String] { momentum == 0 ? [] : ["momentum_buffer"] }
  public var takesTensorNorms: Bool { true }
  public var hasMomentum: Bool { momentum != 0 }

  public func measure(_ call: UpdateCall, _ worker: Worker) {
    call.tensorNorms.measure(call, worker) { offset, count, _ in
      (call.parameters.load(at: offset, count), call.gradient(at: offset, count))
    }
  }

  public func update(_ call: UpdateCall, _ worker: Worker) {
    let parameters = call.parameters
    let buffer = call.states.first, momentum = call.momentum.map { Float($0) } ?? momentum
    call.tensorNorms.forEachLanes(call, worker) { group, weights, gradient in
      Float(trust(group, weights, gradient, rate: call.rate * Double(group.rateScale)))
    } _: { offset, count, group, trust in
      let rate = Float(call.rate * Double(group.rateScale)), decay = group.decays ? Float(weightDecay) : 0
      let p = parameters.load(at: offset, count)
      let d = call.gradient(at: offset, count).addingProduct(p, Lanes(repeating: decay)) * trust
      guard let buffer else {
        parameters.put(p.addingProduct(d, Lanes(repeating: -rate)), at: offset, count)
        return
      }
      let m = d.addingProduct(buffer.load(at: offset, count), Lanes(repeating: momentum))
      buffer.put(m, at: offset, count)
      let direction = isNesterov ? d.addingProduct(m, Lanes(repeating: momentum)) : m
      parameters.put(p.addingProduct(direction, Lanes(repeating: -rate)), at: offset, count)
    }
  }

  private func trust(_ group: ParameterGroup, _ weights: Double, _ gradient: Double, rate: Double) -> Double {
    let decay = group.decays ? weightDecay : 0
    guard alwaysAdapts || decay != 0, weights > 0, gradient > 0 else { return 1 }
    let trust = trustCoefficient * weights / (gradient + weights * decay + epsilon)
    guard clipsTrust else { return trust }
    // Also 1 where both are 0.
    return trust < rate ? trust / rate : 1
  }
}
