import Compute

/// Stochastic gradient descent with momentum (Sutskever et al.; ICML 2013), in PyTorch's form:
/// ```
/// g = gradient + decay · p
/// m = momentum · m + g
/// p = p - rate · (g + momentum · m)     with Nesterov's look-ahead
/// p = p - rate · m                      without
/// ```
/// The decay is part of the gradient (coupled), so it passes through the momentum. There is no dampening.
public struct StochasticGradientDescent: Optimizer {
  /// 0..<1; without momentum the rule keeps no state.
  public var momentum: Float
  public var isNesterov: Bool
  public var weightDecay: Float

  public init(momentum: Float = 0, isNesterov: Bool = false, weightDecay: Float = 0) {
    self.momentum = momentum
    self.isNesterov = isNesterov
    self.weightDecay = weightDecay
  }

  public var name: String { "sgd" }
  public var stateBlocks: [String] { momentum == 0 ? [] : ["momentum_buffer"] }
  public var hasMomentum: Bool { momentum != 0 }

  public func update(_ call: UpdateCall, _ worker: Worker) {
    let parameters = call.parameters
    // One loop for all three rules would load and store a buffer that plain descent does not have.
    guard momentum != 0 else {
      call.forEachLanes(worker) { offset, count, group in
        let rate = Float(call.rate * Double(group.rateScale))
        let p = parameters.load(at: offset, count)
        let g = call.gradient(at: offset, count).addingProduct(p, Lanes(repeating: group.decays ? weightDecay : 0))
        parameters.put(p.addingProduct(g, Lanes(repeating: -rate)), at: offset, count)
      }
      return
    }
    let buffer = call.states[0], momentum = call.momentum.map { Float($0) } ?? momentum
    let lookAhead: Float = isNesterov ? momentum : 0
    call.forEachLanes(worker) { offset, count, group in
      let rate = Float(call.rate * Double(group.rateScale))
      let p = parameters.load(at: offset, count)
      let g = call.gradient(at: offset, count).addingProduct(p, Lanes(repeating: group.decays ? weightDecay : 0))
      // PyTorch starts the buffer with g; a buffer of zeros becomes exactly that.
      let m = g.addingProduct(buffer.load(at: offset, count), Lanes(repeating: momentum))
      buffer.put(m, at: offset, count)
      let direction = isNesterov ? g.addingProduct(m, Lanes(repeating: lookAhead)) : m
      parameters.put(p.addingProduct(direction, Lanes(repeating: -rate)), at: offset, count)
    }
  }
}
