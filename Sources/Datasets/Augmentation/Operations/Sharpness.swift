extension Image {
  /// Multiplies the distance of every byte from the smoothed picture's by `factor`: 0 smooths, 1 changes nothing, 2
  /// sharpens, as Pillow's `ImageEnhance.Sharpness` does. The outermost pixels, which have too few neighbours, stay.
  public mutating func adjustSharpness(by factor: Float) {
    guard width > 2 && height > 2 else { return }
    let sharp = pixels, line = width * channels, channels = channels
    sharp.withUnsafeBufferPointer { sharp in
      pixels.withUnsafeMutableBufferPointer { bytes in
        for row in 1..<height - 1 {
          for offset in row * line + channels..<(row + 1) * line - channels {
            var sum = 4 * Int(sharp[offset])
            for above in stride(from: offset - line, through: offset + line, by: line) {
              sum += Int(sharp[above - channels]) + Int(sharp[above]) + Int(sharp[above + channels])
            }
            // The mean of nine, the middle counted five times, to the nearest whole number.
            bytes[offset] = blend(UInt8((2 * sum + 13) / 26), sharp[offset], factor)
          }
        }
      }
    }
  }
}
