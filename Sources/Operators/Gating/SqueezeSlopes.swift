import Compute

/// The gradients at y that come by way of its mean and maximum over the places of each image.
struct SqueezeSlopes {
  private let tiles: ImageTiles
  private let dmean, dmaximum, positions: UnsafePointer<Float>?
  private let share: Float

  /// - Parameters:
  ///   - mean: the output that is the mean; the maximum and its position stand behind it, where there are any.
  init(_ call: BackwardCall, _ tiles: ImageTiles, mean: Int, hasMaximum: Bool) {
    self.tiles = tiles
    func gradient(_ output: Int) -> UnsafePointer<Float>? {
      call.outputGradients[output].map { UnsafePointer($0.pointer) }
    }
    dmean = gradient(mean)
    dmaximum = hasMaximum ? gradient(mean + 1) : nil
    positions = hasMaximum ? UnsafePointer(call.outputs[mean + 2].pointer) : nil
    share = 1 / Float(tiles.pixels)
  }

  /// dmean / (H W): what each place gets.
  @inline(__always)
  func ofMean(_ image: Int, _ channel: Int) -> Float { (dmean?[image * tiles.channels + channel] ?? 0) * share }

  @inline(__always)
  func ofMean(_ image: Int, _ channel: Int, _ count: Int) -> Lanes {
    (dmean?.lanes(at: image * tiles.channels + channel, first: count) ?? Lanes(repeating: 0)) * share
  }

  @inline(__always)
  func ofMaximum(_ image: Int, _ channel: Int) -> Float { dmaximum?[image * tiles.channels + channel] ?? 0 }

  /// The pixel, counted through the batch, that gave the maximum; only where there is one.
  @inline(__always)
  func winner(_ image: Int, _ channel: Int) -> Int {
    image * tiles.pixels + Int(positions![image * tiles.channels + channel])
  }

  /// dx += a dmaximum, at the places of the maxima that lie in a tile.
  func addMaxima(_ tile: ImageTiles.Tile, by a: UnsafePointer<Float>, to dx: UnsafeMutablePointer<Float>) {
    guard positions != nil else { return }
    for channel in 0..<tiles.channels {
      let place = winner(tile.image, channel)
      guard tile.pixels.contains(place) else { continue }
      dx[place * tiles.channels + channel] += a[channel] * ofMaximum(tile.image, channel)
    }
  }
}
