import Compute
import Graphs

/// How weights start, before the layer's fans are known. The names are PyTorch's.
public enum WeightInitializer: Hashable, Sendable {
  /// Which side of a layer keeps its variance: the forward pass (inputs of a unit) or the backward pass (outputs).
  public enum Fan: Hashable, Sendable { case fanIn, fanOut }

  /// Normal with deviation sqrt(2 / fan): He, Zhang, Ren, Sun (ICCV 2015), eq. 10 and 14.
  case kaimingNormal(Fan)
  /// Uniform within ±1/sqrt(fan in): what PyTorch's layers do when nothing is said.
  case uniformFanIn
  /// Normal with this deviation.
  case normal(Float)
  /// Normal with this deviation, redrawn beyond ±2 (an absolute bound, as timm and PyTorch have it).
  case truncatedNormal(Float)
  case constant(Float)

  /// The initialiser of a layer with these fans.
  public func resolved(fanIn: Int, fanOut: Int) -> Initializer {
    switch self {
    case .kaimingNormal(let fan):
      return .normal(deviation: (2 / Float(fan == .fanIn ? fanIn : fanOut)).squareRoot())
    case .uniformFanIn:
      return .uniform(bound: 1 / Float(fanIn).squareRoot())
    case .normal(let deviation):
      return .normal(deviation: deviation)
    case .truncatedNormal(let deviation):
      return Initializer("truncated_normal(\(deviation))") { memory, stream in
        let bound = 2 / deviation
        for index in memory.indices { memory[index] = deviation * stream.truncatedNormal(within: -bound...bound) }
      }
    case .constant(let value):
      return .constant(value)
    }
  }
}

extension Initializer {
  /// Normal with mean 0.
  public static func normal(deviation: Float) -> Initializer {
    Initializer("normal(\(deviation))") { memory, stream in
      for index in memory.indices { memory[index] = deviation * stream.normal() }
    }
  }

  /// Uniform within ±bound.
  public static func uniform(bound: Float) -> Initializer {
    Initializer("uniform(\(bound))") { memory, stream in
      for index in memory.indices { memory[index] = stream.uniform(-bound, bound) }
    }
  }
}
