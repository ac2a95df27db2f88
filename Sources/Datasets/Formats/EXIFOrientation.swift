/// How a stored picture must be turned to stand upright (Exif 2.3, tag 0x0112; the raw value is the tag's).
enum EXIFOrientation: UInt16 {
  case upright = 1
  case mirrored, upsideDown, mirroredUpsideDown
  case transposed, turnClockwise, transversed, turnCounterclockwise

  /// The orientation that a JPEG file's Exif segment states; `upright` where it states none or an illegal one.
  init(jpeg file: [UInt8]) {
    self = .upright
    var segment = 2
    // A segment is FF, marker, big-endian length that counts itself. Start-of-scan (DA) ends the headers.
    while segment + 4 <= file.count, file[segment] == 0xFF, file[segment + 1] != 0xDA {
      if file[segment + 1] == 0xFF {  // A fill byte before the marker.
        segment += 1
        continue
      }
      let length = Int(file[segment + 2]) << 8 | Int(file[segment + 3])
      let end = segment + 2 + length
      guard length >= 2, end <= file.count else { return }
      if file[segment + 1] == 0xE1, file[(segment + 4)..<end].starts(with: [0x45, 0x78, 0x69, 0x66, 0, 0]) {
        self = Self.stated(inTIFF: file[(segment + 10)..<end])
        return
      }
      segment = end
    }
  }

  /// The first image directory's orientation entry in an Exif segment's TIFF block.
  private static func stated(inTIFF block: ArraySlice<UInt8>) -> EXIFOrientation {
    let littleEndian = block.starts(with: [0x49, 0x49, 42, 0])
    guard littleEndian || block.starts(with: [0x4D, 0x4D, 0, 42]) else { return .upright }
    func integer(at offset: Int, bytes: Int) -> Int? {
      guard offset >= 0, offset + bytes <= block.count else { return nil }
      let field = block[(block.startIndex + offset)..<(block.startIndex + offset + bytes)]
      return (littleEndian ? Array(field.reversed()) : Array(field)).reduce(0) { $0 << 8 | Int($1) }
    }
    guard let directory = integer(at: 4, bytes: 4), let entries = integer(at: directory, bytes: 2) else {
      return .upright
    }
    for entry in 0..<entries {
      let offset = directory + 2 + 12 * entry
      guard let tag = integer(at: offset, bytes: 2), let type = integer(at: offset + 2, bytes: 2) else { break }
      if tag == 0x0112, type == 3, let value = integer(at: offset + 8, bytes: 2) {
        return EXIFOrientation(rawValue: UInt16(value)) ?? .upright
      }
    }
    return .upright
  }
}

extension Image {
  /// The picture as it looks once `orientation` is undone.
  func turned(from orientation: EXIFOrientation) -> Image {
    if orientation == .upright { return self }
    // Pixel (row, column) of the result is stored pixel origin + row * rowStep + column * columnStep.
    let lastColumn = width - 1, lastRow = (height - 1) * width
    let (origin, rowStep, columnStep) =
      switch orientation {
      case .upright: (0, width, 1)
      case .mirrored: (lastColumn, width, -1)
      case .upsideDown: (lastRow + lastColumn, -width, -1)
      case .mirroredUpsideDown: (lastRow, -width, 1)
      case .transposed: (0, 1, width)
      case .turnClockwise: (lastRow, 1, -width)
      case .transversed: (lastRow + lastColumn, -1, -width)
      case .turnCounterclockwise: (lastColumn, -1, width)
      }
    let swapsSides = orientation.rawValue >= EXIFOrientation.transposed.rawValue
    let (rows, columns) = swapsSides ? (width, height) : (height, width)
    let turned = [UInt8](unsafeUninitializedCapacity: pixels.count) { buffer, count in
      pixels.withUnsafeBufferPointer { stored in
        var next = 0
        for row in 0..<rows {
          for column in 0..<columns {
            let from = (origin + row * rowStep + column * columnStep) * channels
            for channel in 0..<channels { buffer[next + channel] = stored[from + channel] }
            next += channels
          }
        }
      }
      count = pixels.count
    }
    return Image(width: columns, height: rows, channels: channels, pixels: turned)
  }
}
