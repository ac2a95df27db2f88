import Glibc

/// Rates that fall from the classifier down to the stem (Bao, Dong, Piao, Wei; ICLR 2022, BEiT): the parameters of
/// layer i of 0...n learn at decay^(n - i) times the rate, as timm's `param_groups_layer_decay` has it.
///
/// A layer is a numbered part of the network: the first two components of a parameter's path, where the second is a
/// number (`layer1.0`, `features.3`, `blocks.11`). In the order of the trace:
/// - what stands before the first of them is layer 0, the stem; where nothing does, the first of them is;
/// - a numbered norm goes with the layer before it, and so does what has no number between two layers;
/// - what follows the last of them (a norm, the classifier) is the last layer, at the full rate.
public struct LayerDecay: Hashable, Sendable {
  /// 0...1; 0 trains the last layer alone.
  public var decay: Double

  public init(_ decay: Double) { self.decay = decay }

  /// A parameter, for the rule above.
  public struct Parameter: Hashable, Sendable {
    public var path: String
    /// Whether it is a weight, and none of a norm and no bias.
    public var decays: Bool

    public init(path: String, decays: Bool) {
      self.path = path
      self.decays = decays
    }

    /// The numbered part that it belongs to.
    fileprivate var part: String? {
      let components = path.split(separator: ".")
      guard components.count > 2, components[1].allSatisfy(\.isWholeNumber) else { return nil }
      return components[0] + "." + components[1]
    }
  }

  /// The layer of each of a network's parameters, given in the order of the trace.
  public static func layers(of parameters: [Parameter]) -> [Int] {
    let norms = Set(parameters.filter { !$0.decays }.map(\.path))
    let parts = parameters.map { parameter in parameter.part.flatMap { norms.contains($0 + ".weight") ? nil : $0 } }
    let lastNumbered = parameters.lastIndex { $0.part != nil } ?? -1
    var known: [String: Int] = [:], layer = -1
    return parts.enumerated().map { index, part in
      if let part {
        if let known = known[part] { return known }
        layer += 1
        known[part] = layer
        return layer
      }
      // The stem, and whatever ends the network.
      if layer < 0 || index == lastNumbered + 1 { layer += 1 }
      return layer
    }
  }

  /// A layer for people to read: its first parameter, and the factor to its rate.
  public struct Layer: Hashable, Sendable, Encodable {
    public let first: String
    public let rateScale: Double
  }

  /// The layers of a network, stem first.
  public func table(of parameters: [Parameter]) -> [Layer] {
    let layers = Self.layers(of: parameters), last = layers.max() ?? 0
    return (0...last).compactMap { layer in
      layers.firstIndex(of: layer).map {
        Layer(first: parameters[$0].path, rateScale: pow(decay, Double(last - layer)))
      }
    }
  }

  /// The factors to the rate of each parameter, in the order of the trace.
  public func rateScales(of parameters: [Parameter]) -> [Float] {
    let layers = Self.layers(of: parameters), last = layers.max() ?? 0
    return layers.map { Float(pow(decay, Double(last - $0))) }
  }
}
