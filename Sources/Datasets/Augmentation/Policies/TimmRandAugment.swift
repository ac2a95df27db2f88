import Compute

/// timm's RandAugment, whose recipes are written as text such as `rand-m9-mstd0.5-inc1`: a few operations drawn from
/// fifteen, each applied with a probability, with magnitudes that may vary from picture to picture.
public struct TimmRandAugment: Transform {
  public let recipe: Recipe
  /// `nil` draws bilinear or bicubic for each operation.
  public let interpolation: Interpolation?
  /// One value stands for all channels.
  public let fill: [UInt8]

  public init(_ recipe: Recipe, interpolation: Interpolation? = nil, fill: [UInt8]) {
    self.recipe = recipe
    self.interpolation = interpolation
    self.fill = fill
  }

  public func apply(to image: inout Image, drawing random: inout RandomStream) {
    for _ in 0..<recipe.operationCount {
      let operation = recipe.draw(size: image.size, &random)
      let smooth = random.integer(below: 2) == 0 ? Interpolation.bilinear : .bicubic
      if let operation { image.apply(operation, WarpStyle(interpolation: interpolation ?? smooth, fill: fill)) }
    }
  }

  /// What the text of a recipe says.
  public struct Recipe: Hashable, Sendable {
    /// `m`: the magnitude in tenths of an operation's reach.
    public var magnitude = 10.0
    /// `n`: how many operations each picture gets.
    public var operationCount = 2
    /// `p`: the probability with which each of them is applied.
    public var probability: Float = 0.5
    /// `mstd`: the standard deviation of the magnitude; infinity draws it evenly from 0 to `m`.
    public var magnitudeDeviation = 0.0
    /// `mmax`: the largest magnitude that a draw may come to.
    public var largestMagnitude = 10.0
    /// `inc1`: whether operations that would grow weaker with the magnitude are turned round.
    public var isIncreasing = false

    public init() {}
  }
}

extension TimmRandAugment.Recipe {
  /// The operations by their names in timm.
  private enum Name: CaseIterable {
    case autoContrast, equalize, invert, rotate, posterize, solarize, solarizeAdd
    case color, contrast, brightness, sharpness, shearX, shearY, translateX, translateY
  }

  /// The next operation for a picture of `size`; `nil` where its probability did not come up.
  package func draw(size: ImageSize, _ random: inout RandomStream) -> ImageOperation? {
    let name = Name.allCases[random.integer(below: Name.allCases.count)]
    guard random.uniform() < probability else { return nil }
    var drawn = magnitude
    if magnitudeDeviation == .infinity {
      drawn = magnitude * Double(random.uniform())
    } else if magnitudeDeviation > 0 {
      drawn += magnitudeDeviation * Double(random.normal())
    }
    let level = max(0, min(drawn, largestMagnitude)) / 10, sign: Double = random.integer(below: 2) == 0 ? 1 : -1
    return operation(name, level: level, sign: sign, size: size)
  }

  private func operation(_ name: Name, level: Double, sign: Double, size: ImageSize) -> ImageOperation {
    /// Away from 1 to either side, or from 0.1 to 1.9.
    let factor = Float(isIncreasing ? max(0.1, 1 + sign * level * 0.9) : level * 1.8 + 0.1)
    return switch name {
    case .autoContrast: .autoContrast
    case .equalize: .equalize
    case .invert: .invert
    case .rotate: .rotate(sign * level * 30)
    case .posterize: .posterize(max(0, min(8, isIncreasing ? 4 - Int(level * 4) : Int(level * 4))))
    case .solarize: .solarize(Double(isIncreasing ? 256 - min(256, Int(level * 256)) : min(256, Int(level * 256))))
    case .solarizeAdd: .solarizeAdd(min(128, Int(level * 110)))
    case .color: .color(factor)
    case .contrast: .contrast(factor)
    case .brightness: .brightness(factor)
    case .sharpness: .sharpness(factor)
    case .shearX: .shearX(sign * level * 0.3)
    case .shearY: .shearY(sign * level * 0.3)
    case .translateX: .translateX(sign * level * 0.45 * Double(size.width))
    case .translateY: .translateY(sign * level * 0.45 * Double(size.height))
    }
  }

  /// Reads timm's text.
  /// - Returns: `nil` for what is no such text, is out of range, or asks for other operations than the usual fifteen
  ///   (`t…`).
  public init?(_ text: String) {
    self.init()
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.first == "rand" else { return nil }
    for part in parts.dropFirst() {
      let key = part.prefix { $0.isLetter }
      guard let value = Double(part.dropFirst(key.count)), value >= 0 else { return nil }
      let isWhole = value == value.rounded()
      switch key {
      case "m" where isWhole && value <= 100: magnitude = value
      case "n" where isWhole && value <= 100: operationCount = Int(value)
      case "p" where value <= 1: probability = Float(value)
      case "mstd": magnitudeDeviation = value > 100 ? .infinity : value
      case "mmax" where isWhole && value <= 100: largestMagnitude = value == 0 ? 10 : value
      case "inc" where value == 0 || value == 1: isIncreasing = value == 1
      default: return nil
      }
    }
  }

  /// What may be written, for the sentence that refuses anything else.
  static let wording =
    "'rand' and any of m, n, mmax (whole, to 100), p (to 1), mstd, inc (0 or 1), as in rand-m9-mstd0.5-inc1"
}
