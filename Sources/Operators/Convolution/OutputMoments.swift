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

  /// Working memory that lies before the convolution's own.
  var scratch: Scratch {
    Scratch(shared: Lanes.padded(MomentParts.floats(parts, channels: channels)), perWorker: ChannelTotals.floats)
  }

  /// Where the tiles put their moments.
  func parts(in context: CallContext) -> MomentParts {
    MomentParts(parts, channels: channels, in: context.sharedScratch)
  }

  /// Merges the parts, after the convolution.
  func finish(_ context: CallContext, into moments: TensorView, _ worker: Worker) {
    worker.barrier()
    parts(in: context).totals(own: context.scratch(of: worker), worker) { channel, mean, variance in
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
