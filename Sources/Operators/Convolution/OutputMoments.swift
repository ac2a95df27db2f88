import Compute

/// The moments of a convolution's output, `[2, O]`: means, then biased variances, over images and pixels. They are
/// taken where a tile of the output leaves the registers, or from a band that is still in the cache, so that a batch
/// norm need not read it for them; in the end the parts are merged.
struct OutputMoments {
  private let parts: Int
  private let channels: Int
  /// A worker's memory for the moments of outputs that lie in memory already.
  private let takenFloats: Int

  /// - Parameter tilePixels: output pixels of a tile, where the method goes by tiles of pixels.
  init(_ geometry: ConvolutionGeometry, tilePixels: Int) {
    (channels, takenFloats) = (geometry.outputChannels, 0)
    parts =
      geometry.method(for: .forward) == .winograd
      ? geometry.winogradStretches : (geometry.outputPixels + tilePixels - 1) / tilePixels
  }

  /// Of a convolution channel by channel: a part for every band, whose outputs are still in the cache.
  init(_ geometry: DepthwiseGeometry) {
    (parts, channels) = (geometry.units, geometry.channels)
    takenFloats = ChannelPeriod(channels: channels).momentFloats
  }

  /// Working memory that lies before the convolution's own.
  var scratch: Scratch {
    Scratch(
      shared: Self.pageFloats + Lanes.padded(MomentParts.floats(parts, channels: channels)),
      perWorker: ChannelTotals.floats + takenFloats)
  }

  /// Where the tiles put their moments.
  ///
  /// A load waits for an earlier store whose address has the same twelve last bits, and the moments of a column would be
  /// loaded just behind the stores of that column's outputs: with rows of 4 KiB that took a sixth of the product's time. So
  /// the parts begin 256 bytes off the output, modulo 4 KiB.
  func parts(_ call: ForwardCall) -> MomentParts {
    let memory = call.context.sharedScratch
    let distance = Int(bitPattern: call.outputs[0].pointer) - Int(bitPattern: memory) + 256
    let shift = (distance / MemoryLayout<Float>.size) & (Self.pageFloats - 1)
    return MomentParts(parts, channels: channels, in: memory + shift)
  }
  private static let pageFloats = 1024

  /// Takes the moments of pixels of the output, which are in memory already, as those of a part.
  func take(_ pixels: Range<Int>, as part: Int, _ call: ForwardCall, _ worker: Worker) {
    let parts = parts(call)
    ChannelPeriod(channels: channels).putMoments(
      of: call.outputs[0].pointer + pixels.lowerBound * channels, rows: pixels.count, into: parts[part],
      own: call.context.scratch(of: worker) + ChannelTotals.floats)
    parts.setRows(pixels.count, of: part)
  }

  /// Merges the parts, after the convolution.
  func finish(_ call: ForwardCall, _ worker: Worker) {
    worker.barrier()
    let moments = call.outputs[1]
    parts(call).totals(own: call.context.scratch(of: worker), worker) { channel, mean, variance in
      moments.pointer[channel] = Float(mean)
      moments.pointer[channels + channel] = Float(variance)
    }
  }
}

extension ConvolutionGeometry {
  /// Whether the forward pass can take the moments of its output on the way.
  var canMeasure: Bool {
    switch method(for: .forward) {
    case .pointwise, .winograd: true
    case .imageToColumns: groups == 1
    case .planar, .direct, .grouped: false
    }
  }
}
