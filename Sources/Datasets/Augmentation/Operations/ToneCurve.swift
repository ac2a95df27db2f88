/// Operations that give every byte an answer of its own, channel by channel, in Pillow's arithmetic (`ImageOps`).
extension Image {
  /// Keeps the leading `bits` of every byte, 0...8.
  public mutating func posterize(bits: Int) {
    precondition((0...8).contains(bits), "\(bits) bits of 8")
    let mask = UInt8(truncatingIfNeeded: 0xFF << (8 - bits))
    map { $0 & mask }
  }

  /// Inverts the bytes that are not below `threshold`.
  public mutating func solarize(from threshold: Double) {
    let first = Int(max(0, min(256, threshold.rounded(.up))))
    map { Int($0) < first ? $0 : 255 - $0 }
  }

  /// Adds `amount`, not negative, to the bytes below 128; no sum goes beyond 255.
  public mutating func solarizeAdd(_ amount: Int) {
    precondition(amount >= 0, "an amount of \(amount)")
    map { $0 < 128 ? UInt8(min(255, Int($0) + amount)) : $0 }
  }

  /// Replaces every byte by its distance from 255.
  public mutating func invert() { map { 255 - $0 } }

  /// Stretches every channel so that its darkest byte becomes 0 and its brightest 255; a channel of one value stays.
  public mutating func stretchContrast() {
    mapChannels { histogram in
      guard let low = histogram.firstIndex(where: { $0 > 0 }), let high = histogram.lastIndex(where: { $0 > 0 }),
        high > low
      else { return nil }
      let scale = 255 / Double(high - low), offset = -Double(low) * scale
      return { UInt8(max(0, min(255, Double($0) * scale + offset))) }
    }
  }

  /// Spreads the bytes of every channel evenly over 0...255, in their order; a channel of one value, or with less than
  /// 255 pixels beside its brightest ones, stays.
  public mutating func equalize() {
    let pixelCount = width * height
    mapChannels { histogram in
      guard let high = histogram.lastIndex(where: { $0 > 0 }) else { return nil }
      let step = (pixelCount - histogram[high]) / 255
      guard step > 0 else { return nil }
      var sum = step / 2
      let answers = histogram.map { count in
        defer { sum += count }
        return UInt8(min(sum / step, 255))
      }
      return { answers[$0] }
    }
  }

  /// Replaces every byte of each channel by the answer that `curve` makes of the channel's histogram, 256 counts; `nil`
  /// leaves the channel as it is.
  private mutating func mapChannels(_ curve: ([Int]) -> ((Int) -> UInt8)?) {
    for channel in 0..<channels {
      var histogram = [Int](repeating: 0, count: 256)
      for offset in stride(from: channel, to: pixels.count, by: channels) { histogram[Int(pixels[offset])] += 1 }
      guard let answer = curve(histogram) else { continue }
      let answers = (0..<256).map(answer), distance = channels
      pixels.withUnsafeMutableBufferPointer { bytes in
        for offset in stride(from: channel, to: bytes.count, by: distance) {
          bytes[offset] = answers[Int(bytes[offset])]
        }
      }
    }
  }
}
