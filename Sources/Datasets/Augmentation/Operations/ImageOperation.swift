/// One operation of an augmentation policy with its strength in its own unit.
package enum ImageOperation: Hashable, Sendable {
  /// Pixels by which a row or column is shifted for each pixel of distance from the first.
  case shearX(Double), shearY(Double)
  /// Pixels to the right, or down.
  case translateX(Double), translateY(Double)
  /// Degrees counterclockwise.
  case rotate(Double)
  /// A factor of 1 changes nothing.
  case brightness(Float), color(Float), contrast(Float), sharpness(Float)
  /// The leading bits that are kept.
  case posterize(Int)
  /// The first byte that is inverted.
  case solarize(Double)
  /// What is added to dark bytes.
  case solarizeAdd(Int)
  case autoContrast, equalize, invert
}

extension Image {
  /// Applies one operation; `style` is for those that move pixels.
  package mutating func apply(_ operation: ImageOperation, _ style: WarpStyle) {
    switch operation {
    case .shearX(let slope): self = warped(by: .shearX(slope), style)
    case .shearY(let slope): self = warped(by: .shearY(slope), style)
    case .translateX(let pixels): self = warped(by: .translation(right: pixels), style)
    case .translateY(let pixels): self = warped(by: .translation(down: pixels), style)
    case .rotate(let degrees): self = warped(by: .rotation(degrees: degrees, size: size), style)
    case .brightness(let factor): adjustBrightness(by: factor)
    case .color(let factor): adjustSaturation(by: factor)
    case .contrast(let factor): adjustContrast(by: factor)
    case .sharpness(let factor): adjustSharpness(by: factor)
    case .posterize(let bits): posterize(bits: bits)
    case .solarize(let threshold): solarize(from: threshold)
    case .solarizeAdd(let amount): solarizeAdd(amount)
    case .autoContrast: stretchContrast()
    case .equalize: equalize()
    case .invert: invert()
    }
  }
}
