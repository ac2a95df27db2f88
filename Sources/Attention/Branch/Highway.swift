import Configuration
import Graphs
import Layers

/// Highway layer (Srivastava, Greff, Schmidhuber; NeurIPS 2015, eq. 3): a gate between a transformed and an untouched
/// way.
///
/// t = σ(W_t x + b_t), out = t ReLU(W_h x + b_h) + (1 - t) x. A negative b_t lets most of x through at the start. In
/// and out `[…, D]`.
public struct Highway: Module, Sendable {
  /// b_t at the start.
  public var gateStart: Float

  /// The gate starts at σ(-2) = 0.12 where W_t x is small: most of x passes untouched.
  public init(gateStart: Float = -2) { self.gateStart = gateStart }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let gate = x.linear("gate", x.channels, biases: .constant(gateStart)).sigmoid().seen(as: .gate)
    let transformed = x.linear("transform", x.channels).relu()
    // t h + (1 - t) x = x + t (h - x): one product instead of two.
    return x + gate * (transformed - x)
  }
}

extension Highway {
  /// `gate_start`.
  static func slot(_ options: ConfigSection) throws -> AttentionSlot {
    let module = Highway(gateStart: Float(try options.float("gate_start", default: -2, in: -100...100)))
    return AttentionSlot("highway", member: "highway") { _ in module }
  }
}
