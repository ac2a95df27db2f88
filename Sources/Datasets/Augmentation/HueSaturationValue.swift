/// A colour as a place on the colour wheel, in bytes: hue 0...255 for the full circle, saturation and value 0...255.
///
/// Arithmetic and rounding are Pillow's (its mode `HSV`), which published augmentations were tuned with: the way
/// there and back loses up to a few units.
struct HueSaturationValue: Hashable, Sendable {
  var hue: UInt8
  var saturation: UInt8
  var value: UInt8

  @inline(__always)
  init(red: UInt8, green: UInt8, blue: UInt8) {
    let most = max(red, green, blue), least = min(red, green, blue)
    value = most
    guard most > least else {
      hue = 0
      saturation = 0
      return
    }
    let range = Float(most - least)
    let fromRed = Float(most - red) / range, fromGreen = Float(most - green) / range
    let fromBlue = Float(most - blue) / range
    let sector: Float
    if red == most {
      sector = fromBlue - fromGreen
    } else if green == most {
      sector = Float(2 + Double(fromRed) - Double(fromBlue))
    } else {
      sector = Float(4 + Double(fromGreen) - Double(fromRed))
    }
    let turn = Double(sector) / 6 + 1
    hue = UInt8(Double(Float(turn >= 1 ? turn - 1 : turn)) * 255)
    saturation = UInt8(Double(range / Float(most)) * 255)
  }

  @inline(__always)
  var redGreenBlue: (UInt8, UInt8, UInt8) {
    if saturation == 0 { return (value, value, value) }
    let place = Double(hue) * 6 / 255
    let sector = place.rounded(.down), fraction = Float(place - sector)
    let purity = Float(Double(saturation) / 255), full = Double(value)
    let low = Self.byte(full * (1 - Double(purity)))
    let falling = Self.byte(full * (1 - Double(purity * fraction)))
    let rising = Self.byte(full * (1 - Double(purity) * (1 - Double(fraction))))
    switch Int(sector) % 6 {
    case 0: return (value, rising, low)
    case 1: return (falling, value, low)
    case 2: return (low, value, rising)
    case 3: return (low, falling, value)
    case 4: return (rising, low, value)
    default: return (value, low, falling)
    }
  }

  @inline(__always)
  private static func byte(_ value: Double) -> UInt8 {
    UInt8(max(0, min(255, value.rounded(.toNearestOrAwayFromZero))))
  }
}
