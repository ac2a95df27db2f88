import Compute

/// Changes brightness, contrast, saturation and hue by random amounts in random order, as torchvision's `ColorJitter`
/// does.
public struct ColorJitter: Transform {
  /// Brightness is multiplied by a factor from [max(0, 1 - brightness), 1 + brightness].
  public let brightness: Float
  /// The distance from the mean grey is multiplied by a factor from [max(0, 1 - contrast), 1 + contrast].
  public let contrast: Float
  /// The distance from the pixel's own grey is multiplied by a factor from [max(0, 1 - saturation), 1 + saturation].
  public let saturation: Float
  /// The hue is turned by a part from [-hue, hue] of the full circle; 0...0.5.
  public let hue: Float

  public init(brightness: Float = 0, contrast: Float = 0, saturation: Float = 0, hue: Float = 0) {
    precondition(brightness >= 0 && contrast >= 0 && saturation >= 0, "\(brightness), \(contrast), \(saturation)")
    precondition(hue >= 0 && hue <= 0.5, "a hue of \(hue)")
    self.brightness = brightness
    self.contrast = contrast
    self.saturation = saturation
    self.hue = hue
  }

  public func apply(to image: inout Image, drawing random: inout RandomStream) {
    let factors = [brightness, contrast, saturation].map { random.uniform(max(0, 1 - $0), 1 + $0) }
    let turn = random.uniform(-hue, hue)
    var order = [0, 1, 2, 3]
    for last in stride(from: 3, to: 0, by: -1) { order.swapAt(last, random.integer(below: last + 1)) }
    for property in order {
      switch property {
      case 0 where brightness > 0: image.adjustBrightness(by: factors[0])
      case 1 where contrast > 0: image.adjustContrast(by: factors[1])
      case 2 where saturation > 0: image.adjustSaturation(by: factors[2])
      case 3 where hue > 0: image.turnHue(by: turn)
      default: break
      }
    }
  }
}

extension Image {
  /// Multiplies every byte by `factor`.
  public mutating func adjustBrightness(by factor: Float) {
    // Each new byte depends on one old byte alone: 256 answers serve all pixels.
    let answers = (0..<256).map { blend(0, UInt8($0), factor) }
    map { answers[Int($0)] }
  }

  /// Multiplies the distance of every byte from the picture's mean luma by `factor`.
  public mutating func adjustContrast(by factor: Float) {
    let mean = meanLuma()
    let answers = (0..<256).map { blend(mean, UInt8($0), factor) }
    map { answers[Int($0)] }
  }

  /// Multiplies the distance of every pixel from its own luma by `factor`. A grey picture stays as it is.
  public mutating func adjustSaturation(by factor: Float) {
    guard channels == 3 else { return }
    mapColours { red, green, blue in
      let grey = luma(red, green, blue)
      return (blend(grey, red, factor), blend(grey, green, factor), blend(grey, blue, factor))
    }
  }

  /// Turns every pixel's hue by `part` of the full circle, -0.5...0.5. A grey picture stays as it is.
  public mutating func turnHue(by part: Float) {
    guard channels == 3 else { return }
    // Hue has 256 steps; a turn by a negative part is one by the rest of the circle.
    let steps = UInt8(truncatingIfNeeded: Int(part * 255))
    mapColours { red, green, blue in
      var colour = HueSaturationValue(red: red, green: green, blue: blue)
      colour.hue &+= steps
      return colour.redGreenBlue
    }
  }

  private func meanLuma() -> UInt8 {
    pixels.withUnsafeBufferPointer { bytes in
      var sum = 0
      if channels == 1 {
        for byte in bytes { sum += Int(byte) }
      } else {
        for offset in stride(from: 0, to: bytes.count, by: 3) {
          sum += Int(luma(bytes[offset], bytes[offset + 1], bytes[offset + 2]))
        }
      }
      return UInt8(Double(sum) / Double(width * height) + 0.5)
    }
  }

  /// Replaces every byte by its answer.
  @inline(__always)
  mutating func map(_ answer: (UInt8) -> UInt8) {
    pixels.withUnsafeMutableBufferPointer { bytes in
      for index in bytes.indices { bytes[index] = answer(bytes[index]) }
    }
  }

  @inline(__always)
  private mutating func mapColours(_ answer: (UInt8, UInt8, UInt8) -> (UInt8, UInt8, UInt8)) {
    pixels.withUnsafeMutableBufferPointer { bytes in
      for offset in stride(from: 0, to: bytes.count, by: 3) {
        (bytes[offset], bytes[offset + 1], bytes[offset + 2]) = answer(
          bytes[offset], bytes[offset + 1], bytes[offset + 2])
      }
    }
  }
}

/// from + factor * (to - from), cut to 0...255 and rounded down, as Pillow blends.
@inline(__always)
func blend(_ from: UInt8, _ to: UInt8, _ factor: Float) -> UInt8 {
  UInt8(max(0, min(255, Float(from) + factor * (Float(to) - Float(from)))))
}
