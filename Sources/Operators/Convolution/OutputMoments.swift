import Compute

/// The moments of a convolution's output, `[2, O]`: means, then biased variances, over images and pixels. They are taken
/// where a tile of the output leaves the registers, so that a batch norm need not read it for them; in the end the parts
/// are merged.
struct OutputMoments {
  private let parts: Int
  private let channels: Int

  /// - Parameter tilePixels: output pixels of a tile, where the method goes by tiles of pixels.
  init(_ geometry: ConvolutionGeometry, tilePixels: Int) {
    channels = geometry.outputChannels
    parts =
      geometry.method(for: .forward) == .winograd
      ? geometry.winogradStretches : (geometry.outputPixels + tilePixels - 1) / tilePixels
  }

  /// Of a convolution channel by channel: a part for every band, whose outputs are still in the cache.
  init(_ geometry: DepthwiseGeometry) { (parts, channels) = (geometry.units, geometry.channels) }

  /// Working memory that lies before the convolution's own.
  var scratch: Scratch {
    Scratch(
      shared: Self.pageFloats + Lanes.padded(MomentParts.floats(parts, channels: channels)),
      perWorker: ChannelTotals.floats)
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
