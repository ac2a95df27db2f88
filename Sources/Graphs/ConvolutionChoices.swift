import Compute
import Operators

/// The methods that a run has measured for its convolutions, in place of the rule that is fitted to other machines.
///
/// They decide how sums are associated, so they belong to what a run's numbers come from: every rank has the same, and
/// checkpoints keep them.
public struct ConvolutionChoices: Codable, Hashable, Sendable {
  /// By case: whether Winograd's method is the faster one. Cases that are not here go by the rule.
  public var winograd: [String: Bool]

  public init(winograd: [String: Bool] = [:]) { self.winograd = winograd }

  /// The case of a convolution that can be computed by more than one method, `nil` for others:
  /// `[32, 56, 56, 64] by [64, 3, 3, 64], padding 1x1`.
  public static func name(of convolution: Conv2D, _ inputs: [Shape]) -> String? {
    guard convolution.canTake(.winograd, for: inputs) else { return nil }
    return "\(inputs[0]) by \(inputs[1]), padding \(convolution.padding.height)x\(convolution.padding.width)"
  }

  /// The method for a convolution; `nil` for the plain one.
  func method(for convolution: Conv2D, _ inputs: [Shape]) -> ConvolutionMethod? {
    guard let name = Self.name(of: convolution, inputs), let isWinograd = winograd[name] else {
      return convolution.fastestMethod(for: inputs)
    }
    return isWinograd ? .winograd : nil
  }
}
