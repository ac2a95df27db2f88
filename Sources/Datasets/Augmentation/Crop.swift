import Compute

/// Cuts a window of fixed size out of a picture with a black margin, at a place drawn uniformly: the augmentation of
/// the CIFAR recipes (He, Zhang, Ren, Sun; CVPR 2016, section 4.2: 4 pixels of margin).
public struct PadAndCrop: Transform {
  public let size: ImageSize
  /// Black pixels added on each side before the window is placed.
  public let padding: Int

  public init(size: ImageSize, padding: Int = 0) {
    precondition(padding >= 0, "a padding of \(padding) pixels")
    self.size = size
    self.padding = padding
  }

  public var outputSize: ImageSize? { size }

  public func apply(to image: inout Image, drawing random: inout RandomStream) throws {
    let freeRows = image.height + 2 * padding - size.height, freeColumns = image.width + 2 * padding - size.width
    guard freeRows >= 0 && freeColumns >= 0 else {
      throw TransformError(operation: "crop", found: image.size, wanted: "\(size) or more with \(padding) of padding")
    }
    let top = random.integer(below: freeRows + 1) - padding
    let left = random.integer(below: freeColumns + 1) - padding
    image = image.window(top: top, left: left, size: size)
  }
}

/// Cuts the middle out of a picture.
public struct CentreCrop: Transform {
  public let size: ImageSize

  public init(size: ImageSize) { self.size = size }

  public var outputSize: ImageSize? { size }

  public func apply(to image: inout Image, drawing random: inout RandomStream) throws {
    let freeRows = image.height - size.height, freeColumns = image.width - size.width
    guard freeRows >= 0 && freeColumns >= 0 else {
      throw TransformError(operation: "centre_crop", found: image.size, wanted: "\(size) or more")
    }
    if freeRows == 0 && freeColumns == 0 { return }
    // torchvision rounds half of an odd difference to even.
    image = image.window(
      top: Int((Double(freeRows) / 2).rounded(.toNearestOrEven)),
      left: Int((Double(freeColumns) / 2).rounded(.toNearestOrEven)), size: size)
  }
}

extension Image {
  /// The pixels of a window that may reach beyond the picture, where it is black.
  func window(top: Int, left: Int, size: ImageSize) -> Image {
    let rows = max(top, 0)..<max(min(top + size.height, height), max(top, 0))
    let columns = max(left, 0)..<max(min(left + size.width, width), max(left, 0))
    let byteCount = size.width * size.height * channels
    let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { target, initializedCount in
      let target = target.baseAddress!
      target.initialize(repeating: 0, count: byteCount)
      pixels.withUnsafeBufferPointer { source in
        guard !columns.isEmpty else { return }
        for row in rows {
          (target + ((row - top) * size.width + columns.lowerBound - left) * channels).update(
            from: source.baseAddress! + (row * width + columns.lowerBound) * channels, count: columns.count * channels)
        }
      }
      initializedCount = byteCount
    }
    return Image(width: size.width, height: size.height, channels: channels, pixels: bytes)
  }
}
