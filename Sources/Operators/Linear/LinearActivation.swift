import Compute

/// The activations that a fully connected layer applies to its own tiles.
public enum LinearActivation: Hashable, Sendable {
  case relu, silu
  case gelu(GELU.Approximation)

  /// The activation of which this is the name; `nil` when a layer does not apply it.
  public init?(_ subject: any Operator) {
    switch subject {
    case is ReLU: self = .relu
    case is SiLU: self = .silu
    case let gelu as GELU: self = .gelu(gelu.approximation)
    default: return nil
    }
  }

  /// The operator that computes the same on its own.
  public var subject: any Operator {
    switch self {
    case .relu: ReLU()
    case .silu: SiLU()
    case .gelu(let approximation): GELU(approximation: approximation)
    }
  }

  var derivativeReads: DerivativeArgument {
    switch self {
    case .relu: ReLU.derivativeReads
    case .silu: SiLU.derivativeReads
    case .gelu: GELU.derivativeReads
    }
  }

  /// y = f(x) for `count` elements; y may be x.
  func apply(to x: UnsafeMutablePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int) {
    switch self {
    case .relu: Self.apply(ReLU(), x, y, count)
    case .silu: Self.apply(SiLU(), x, y, count)
    case .gelu(.none): Self.apply(GELU(), x, y, count)
    case .gelu(.tanh): Self.apply(GELU(approximation: .tanh), x, y, count)
    }
  }

  /// dx = dy f'(x) for `count` elements, where `argument` is x or y as `derivativeReads` says.
  func differentiate(
    _ dy: UnsafePointer<Float>, at argument: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>, count: Int
  ) {
    switch self {
    case .relu: Self.differentiate(ReLU(), dy, argument, dx, count)
    case .silu: Self.differentiate(SiLU(), dy, argument, dx, count)
    case .gelu(.none): Self.differentiate(GELU(), dy, argument, dx, count)
    case .gelu(.tanh): Self.differentiate(GELU(approximation: .tanh), dy, argument, dx, count)
    }
  }

  @inline(__always)
  private static func apply<Function: ElementFunction>(
    _ function: Function, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    inLanes(0..<count) { at, count in
      y.store(function.value(x.lanes(at: at, first: count)), at: at, first: count)
    }
  }

  @inline(__always)
  private static func differentiate<Function: ElementFunction>(
    _ function: Function, _ dy: UnsafePointer<Float>, _ argument: UnsafePointer<Float>,
    _ dx: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    inLanes(0..<count) { at, count in
      let slope = function.gradient(dy.lanes(at: at, first: count), at: argument.lanes(at: at, first: count))
      dx.store(slope, at: at, first: count)
    }
  }
}
