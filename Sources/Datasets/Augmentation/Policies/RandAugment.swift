import Compute

/// Applies a few operations drawn from fourteen, all with one magnitude, as torchvision's `RandAugment` does (Cubuk,
/// Zoph, Shlens, Le; NeurIPS 2020).
public struct RandAugment: Transform {
  /// How many operations each picture gets, one after the other.
  public let operationCount: Int
  /// The number of the magnitude, below `magnitudeCount`.
  public let magnitude: Int
  public let magnitudeCount: Int
  public let style: WarpStyle

  public init(
    operationCount: Int = 2, magnitude: Int = 9, magnitudeCount: Int = 31, style: WarpStyle = WarpStyle()
  ) {
    precondition(
      operationCount >= 0 && (0..<magnitudeCount).contains(magnitude) && magnitudeCount >= 2,
      "\(operationCount) operations, magnitude \(magnitude) of \(magnitudeCount)")
    self.operationCount = operationCount
    self.magnitude = magnitude
    self.magnitudeCount = magnitudeCount
    self.style = style
  }

  public func apply(to image: inout Image, drawing random: inout RandomStream) {
    let scale = MagnitudeScale(count: magnitudeCount)
    for _ in 0..<operationCount {
      if let operation = scale.draw(magnitude: magnitude, size: image.size, &random) { image.apply(operation, style) }
    }
  }
}

/// Applies one operation drawn from fourteen with a magnitude drawn from all, over wider ranges than its predecessors,
/// as torchvision's `TrivialAugmentWide` does (Müller, Hutter; ICCV 2021).
public struct TrivialAugmentWide: Transform {
  public let magnitudeCount: Int
  public let style: WarpStyle

  public init(magnitudeCount: Int = 31, style: WarpStyle = WarpStyle()) {
    precondition(magnitudeCount >= 2, "\(magnitudeCount) magnitudes")
    self.magnitudeCount = magnitudeCount
    self.style = style
  }

  public func apply(to image: inout Image, drawing random: inout RandomStream) {
    let scale = MagnitudeScale(count: magnitudeCount, reach: .wide), magnitude = random.integer(below: magnitudeCount)
    if let operation = scale.draw(magnitude: magnitude, size: image.size, &random) { image.apply(operation, style) }
  }
}

extension MagnitudeScale {
  /// One of fourteen operations and its direction; `nil` for the one that does nothing.
  package func draw(magnitude: Int, size: ImageSize, _ random: inout RandomStream) -> ImageOperation? {
    let names = PolicyOperation.drawn, name = names[random.integer(below: names.count)]
    let isNegative = name.isSigned && random.integer(below: 2) == 1
    return operation(name, magnitude: magnitude, isNegative: isNegative, size: size)
  }
}
