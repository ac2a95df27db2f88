import Compute

/// Applies one of a policy's 25 pairs of operations, each with its own probability and magnitude, as torchvision's
/// `AutoAugment` does (Cubuk, Zoph, Mané, Vasudevan, Le; CVPR 2019).
public struct AutoAugment: Transform {
  /// The data set that the policy was found on.
  public enum Policy: String, CaseIterable, Sendable {
    case imagenet, cifar10, svhn
  }

  /// One operation of a pair.
  struct Entry: Sendable {
    let operation: PolicyOperation
    let probability: Float
    /// 0..<10; what it is does not matter where the operation has no strength.
    let magnitude: Int
  }

  public let policy: Policy
  public let style: WarpStyle
  private let scale = MagnitudeScale(count: 10)

  public init(policy: Policy, style: WarpStyle = WarpStyle()) {
    self.policy = policy
    self.style = style
  }

  public func apply(to image: inout Image, drawing random: inout RandomStream) {
    for operation in operations(for: image.size, drawing: &random) { image.apply(operation, style) }
  }

  /// What is drawn for a picture: none, one or two operations.
  package func operations(for size: ImageSize, drawing random: inout RandomStream) -> [ImageOperation] {
    let pairs = policy.pairs, pair = pairs[random.integer(below: pairs.count)]
    let draws = (random.uniform(), random.uniform()), isNegative = (random.word() & 1 == 0, random.word() & 1 == 0)
    return [(pair.0, draws.0, isNegative.0), (pair.1, draws.1, isNegative.1)].compactMap { entry, draw, isNegative in
      draw < entry.probability
        ? scale.operation(
          entry.operation, magnitude: entry.magnitude, isNegative: isNegative && entry.operation.isSigned, size: size)
        : nil
    }
  }
}
