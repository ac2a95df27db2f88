import Glibc

/// Where in the source each pixel of a warped picture comes from: (x, y) becomes
/// (xx * x + xy * y + x0, yx * x + yy * y + y0), in pixels from the top left corner, a pixel's centre at its half.
struct AffineMap: Hashable, Sendable {
  var xx = 1.0, xy = 0.0, x0 = 0.0
  var yx = 0.0, yy = 1.0, y0 = 0.0

  /// Rows are shifted to the left by `slope` times their distance from the top.
  static func shearX(_ slope: Double) -> AffineMap { AffineMap(xy: slope) }

  /// Columns are shifted up by `slope` times their distance from the left.
  static func shearY(_ slope: Double) -> AffineMap { AffineMap(yx: slope) }

  /// The picture moves to the right and down by so many pixels.
  static func translation(right: Double = 0, down: Double = 0) -> AffineMap { AffineMap(x0: -right, y0: -down) }

  /// The picture turns counterclockwise about its middle.
  static func rotation(degrees: Double, size: ImageSize) -> AffineMap {
    let whole = degrees.truncatingRemainder(dividingBy: 360)
    let angle = -(whole < 0 ? whole + 360 : whole) * .pi / 180
    let cosine = rounded(cos(angle)), sine = rounded(sin(angle))
    let x = Double(size.width) / 2, y = Double(size.height) / 2
    return AffineMap(
      xx: cosine, xy: sine, x0: cosine * -x + sine * -y + x, yx: -sine, yy: cosine, y0: -sine * -x + cosine * -y + y)
  }

  /// To 15 decimals, as Pillow does: a quarter turn then is one exactly.
  private static func rounded(_ value: Double) -> Double { (value * 1e15).rounded() / 1e15 }
}

/// How a warped picture's pixels are made of the source's.
public enum Interpolation: String, CaseIterable, Sendable {
  case nearest, bilinear, bicubic
}

/// What a warp needs to know beside its map.
public struct WarpStyle: Hashable, Sendable {
  public var interpolation = Interpolation.nearest
  /// The colour where the source has no pixel; one value stands for all channels.
  public var fill: [UInt8] = [0]

  public init(interpolation: Interpolation = .nearest, fill: [UInt8] = [0]) {
    precondition(fill.count == 1 || fill.count == 3, "a fill of \(fill.count) channels")
    self.interpolation = interpolation
    self.fill = fill
  }

  /// The bytes of one such pixel.
  func pixel(channels: Int) -> [UInt8] {
    switch (fill.count, channels) {
    case (3, 1): [luma(fill[0], fill[1], fill[2])]
    case (1, 3): [fill[0], fill[0], fill[0]]
    default: fill
    }
  }
}

extension Image {
  /// The picture moved by `map`, at the same size, in Pillow's arithmetic (`Image.transform` with `AFFINE`).
  func warped(by map: AffineMap, _ style: WarpStyle) -> Image {
    let fill = style.pixel(channels: channels), channels = channels
    let bytes = [UInt8](unsafeUninitializedCapacity: pixels.count) { target, initializedCount in
      let target = target.baseAddress!
      for pixel in 0..<width * height {
        for channel in 0..<channels { (target + pixel * channels + channel).initialize(to: fill[channel]) }
      }
      pixels.withUnsafeBufferPointer { source in
        let source = source.baseAddress!
        switch style.interpolation {
        case .nearest: warpNearest(source, by: map, to: target)
        case .bilinear: warpBilinear(source, by: map, to: target)
        case .bicubic: warpBicubic(source, by: map, to: target)
        }
      }
      initializedCount = pixels.count
    }
    return Image(width: width, height: height, channels: channels, pixels: bytes)
  }

  /// Copies the pixel whose square holds the place; places are in fixed point with 16 bits behind the point.
  private func warpNearest(
    _ source: UnsafePointer<UInt8>, by map: AffineMap, to target: UnsafeMutablePointer<UInt8>
  ) {
    func fixed(_ value: Double) -> Int { Int((value * 65536 + 0.5).rounded(.down)) }
    let stepX = fixed(map.xx), stepY = fixed(map.yx), lineX = fixed(map.xy), lineY = fixed(map.yy)
    let startX = fixed(map.x0 + map.xx * 0.5 + map.xy * 0.5), startY = fixed(map.y0 + map.yx * 0.5 + map.yy * 0.5)
    let channels = channels
    for row in 0..<height {
      var x = startX + row * lineX, y = startY + row * lineY
      for column in 0..<width {
        let from = (column: x >> 16, row: y >> 16)
        if from.column >= 0 && from.column < width && from.row >= 0 && from.row < height {
          let out = target + (row * width + column) * channels
          let pixel = source + (from.row * width + from.column) * channels
          for channel in 0..<channels { out[channel] = pixel[channel] }
        }
        x += stepX
        y += stepY
      }
    }
  }
}
