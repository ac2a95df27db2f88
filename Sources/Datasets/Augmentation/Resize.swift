import Compute

/// Scales a picture so that its shorter side has `side` pixels, keeping its proportions.
public struct ResizeShorterSide: Transform {
  public let side: Int

  public init(side: Int) {
    precondition(side > 0, "a side of \(side) pixels")
    self.side = side
  }

  /// Twice the target: decoders scale by averaging squares of pixels, and that much is left to the better filter
  /// (Pillow's `reducing_gap` of 2).
  public var minimumSide: Int? { 2 * side }

  public func apply(to image: inout Image, drawing random: inout RandomStream) {
    let shorter = min(image.width, image.height), longer = max(image.width, image.height)
    if shorter == side { return }
    let length = max(side * longer / shorter, 1)
    let size = image.width <= image.height
      ? ImageSize(width: side, height: length) : ImageSize(width: length, height: side)
    image = image.resized(to: size)
  }
}

/// Scales a picture to a fixed size whatever its proportions.
public struct Resize: Transform {
  public let size: ImageSize

  public init(size: ImageSize) { self.size = size }

  public var outputSize: ImageSize? { size }
  public var minimumSide: Int? { 2 * max(size.width, size.height) }

  public func apply(to image: inout Image, drawing random: inout RandomStream) { image = image.resized(to: size) }
}
