/// The operations that torchvision's policies choose from, in its order.
package enum PolicyOperation: String, CaseIterable, Sendable {
  case identity, shearX, shearY, translateX, translateY, rotate, brightness, color, contrast, sharpness, posterize
  case solarize, autoContrast, equalize, invert

  /// Whether the operation goes in two directions, of which one is drawn.
  package var isSigned: Bool {
    switch self {
    case .identity, .posterize, .solarize, .autoContrast, .equalize, .invert: false
    default: true
    }
  }

  /// Those that `RandAugment` and `TrivialAugmentWide` draw from: all but `invert`.
  static let drawn = allCases.filter { $0 != .invert }
}

/// What magnitude number 0..<count stands for in each operation: equal steps from nothing to the operation's most, as
/// torchvision's `_augmentation_space` has them.
package struct MagnitudeScale: Hashable, Sendable {
  /// The most that each operation does.
  package enum Reach: Sendable {
    /// That of AutoAugment (Cubuk et al., CVPR 2019) and RandAugment.
    case usual
    /// That of TrivialAugment (Müller, Hutter; ICCV 2021).
    case wide
  }

  /// 2 or more.
  package let count: Int
  package let reach: Reach

  package init(count: Int, reach: Reach = .usual) {
    precondition(count >= 2, "\(count) magnitudes")
    self.count = count
    self.reach = reach
  }

  /// The operation on a picture of `size` with magnitude number `magnitude`; `nil` for none.
  package func operation(
    _ operation: PolicyOperation, magnitude: Int, isNegative: Bool = false, size: ImageSize
  ) -> ImageOperation? {
    precondition((0..<count).contains(magnitude), "magnitude \(magnitude) of \(count)")
    let isWide = reach == .wide
    func strength(_ most: Double) -> Double {
      let value = Double(step(magnitude, to: Float(most)))
      return isNegative ? -value : value
    }
    /// Whole pixels, cut towards zero.
    func pixels(_ side: Int) -> Double { strength(isWide ? 32 : 150 / 331 * Double(side)).rounded(.towardZero) }
    func factor() -> Float { Float(1 + strength(isWide ? 0.99 : 0.9)) }
    return switch operation {
    case .identity: nil
    case .shearX: .shearX(strength(isWide ? 0.99 : 0.3))
    case .shearY: .shearY(strength(isWide ? 0.99 : 0.3))
    case .translateX: .translateX(pixels(size.width))
    case .translateY: .translateY(pixels(size.height))
    case .rotate: .rotate(strength(isWide ? 135 : 30))
    case .brightness: .brightness(factor())
    case .color: .color(factor())
    case .contrast: .contrast(factor())
    case .sharpness: .sharpness(factor())
    case .posterize: .posterize(8 - lostBits(magnitude, most: isWide ? 6 : 4))
    case .solarize: .solarize(Double(step(magnitude, from: 255, to: 0)))
    case .autoContrast: .autoContrast
    case .equalize: .equalize
    case .invert: .invert
    }
  }

  private func lostBits(_ magnitude: Int, most: Float) -> Int {
    Int((Float(magnitude) / (Float(count - 1) / most)).rounded(.toNearestOrEven))
  }

  /// `torch.linspace(start, end, count)[index]`: single precision, counted from the nearer end, rounded once.
  private func step(_ index: Int, from start: Float = 0, to end: Float) -> Float {
    let step = Double((end - start) / Float(count - 1))
    return index < count / 2
      ? Float(Double(start) + step * Double(index)) : Float(Double(end) - step * Double(count - 1 - index))
  }
}
