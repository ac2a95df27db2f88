import Compute

/// A batch `[N, H, W, C]` cut into runs of pixels of one image, about 64 KiB each: what the fused gates walk over.
///
/// A run is at most 512 pixels, so that a chain of additions in float stays below 1e-6, and one partial result a run and
/// channel is merged in the order of the runs.
struct ImageTiles {
  let images: Int
  let pixels: Int
  let channels: Int
  /// Runs of each image.
  let chunks: Int
  private let pixelsPerTile: Int

  init(_ shape: Shape) {
    images = shape[0]
    pixels = shape[1] * shape[2]
    channels = shape[3]
    pixelsPerTile = min(max(16_384 / channels, 16), 512)
    chunks = (pixels + pixelsPerTile - 1) / pixelsPerTile
  }

  struct Tile {
    let image: Int
    /// Counted through the batch.
    let pixels: Range<Int>
    /// Where the tile's partial results begin: `[image, chunk, C]`.
    let partial: Int
  }

  var count: Int { images * chunks }

  func tile(_ index: Int) -> Tile {
    let image = index / chunks, start = index % chunks * pixelsPerTile
    return Tile(
      image: image, pixels: image * pixels + start..<image * pixels + min(start + pixelsPerTile, pixels),
      partial: index * channels)
  }

  /// The floats of one partial result a tile and channel.
  var partialCount: Int { count * channels }

  /// Visits every image's channels: `body` gets the image, the first of up to sixteen channels, how many, and the place
  /// of their first partial result; the other chunks' follow at a distance of `channels`.
  @inline(__always)
  func results(_ worker: Worker, _ body: (_ image: Int, _ channel: Int, _ count: Int, _ partial: Int) -> Void) {
    for image in worker.tiles(images) {
      inLanes(0..<channels) { channel, count in body(image, channel, count, image * chunks * channels + channel) }
    }
  }

  /// The sum of the partial results that begin at `partial`, in double.
  @inline(__always)
  func total(_ partials: UnsafePointer<Float>, _ partial: Int, _ count: Int) -> SIMD16<Double> {
    var total = SIMD16<Double>(repeating: 0)
    for chunk in 0..<chunks { total += SIMD16<Double>(partials.lanes(at: partial + chunk * channels, first: count)) }
    return total
  }
}

extension Shape {
  /// The shape of a number for each channel of each image.
  var squeezed: Shape { [self[0], 1, 1, self[3]] }

  /// Whether this is a number for each channel of each image of `activation`.
  public func isChannelGate(of activation: Shape) -> Bool {
    rank == 4 && self == [activation[0], 1, 1, activation[3]]
  }

  /// Whether this is a number for each place of each image of `activation`.
  public func isSpatialGate(of activation: Shape) -> Bool {
    rank == 4 && self == [activation[0], activation[1], activation[2], 1]
  }
}
