import Compute

/// The numbers of one depth-wise convolution, and how its work is cut. All of it depends on shapes alone.
struct DepthwiseGeometry {
  let images: Int, channels: Int
  let kernelHeight: Int, kernelWidth: Int
  /// The axes of the forward pass, and of the data gradient.
  let forward: TapPlane, back: TapPlane
  /// Whether the kernels read the activations as they lie. Up to 5x5 the passes over memory weigh more than the sums,
  /// and a copy would be one more; larger filters, and channels that do not fill vectors, go by packed bands.
  let isDirect: Bool
  /// Bands of output rows that an image is cut into: one worker's work, as far as an image goes.
  let bands: Int
  private let strideY: Int

  init(_ options: DepthwiseConv2D, input: Shape, kernel: Shape, output: Shape) {
    (images, channels) = (input[0], input[3])
    (kernelHeight, kernelWidth) = (kernel[0], kernel[1])
    strideY = options.stride.height
    func plane(turnsBack: Bool) -> TapPlane {
      func axis(_ k: Int, _ stride: Int, _ padding: Int, _ dilation: Int) -> TapAxis {
        TapAxis(
          inputs: input[k + 1], outputs: output[k + 1], taps: kernel[k], stride: stride, padding: padding,
          dilation: dilation, turnsBack: turnsBack)
      }
      return TapPlane(
        rows: axis(0, options.stride.height, options.padding.height, options.dilation.height),
        columns: axis(1, options.stride.width, options.padding.width, options.dilation.width))
    }
    (forward, back) = (plane(turnsBack: false), plane(turnsBack: true))
    isDirect = channels % 16 == 0 && kernelHeight * kernelWidth <= 25 && kernelWidth <= 5
    // Read as they lie, x, dy and dx of a band stay in the second-level cache together: 384 KiB each. A small batch
    // gives sixteen bands where it has the rows. Packed, a band has at most 1 MiB.
    let outputs = output[1]
    let limit =
      isDirect
      ? min((96 << 10) / (input[2] * channels * strideY), outputs * images / 16)
      : ((256 << 10) / (forward.columns.reach(of: 0..<output[2]).count * 16 * Self.packedVectors)
        - (kernelHeight - 1) * options.dilation.height) / strideY
    let bandRows = max(min(limit, outputs), isDirect ? 1 : min(kernelHeight, outputs))
    bands = (outputs + bandRows - 1) / bandRows
  }

  /// Pieces of work: the bands of all images.
  var units: Int { images * bands }

  /// Units that are dealt together, because neighbours share rows. The filter gradients of each part are summed apart.
  func units(ofPart part: Int, of parts: Int) -> Range<Int> { part * units / parts..<(part + 1) * units / parts }
  var forwardParts: Int { min(units, 64) }
  var backwardParts: Int { min(units, 16) }

  /// Floats of a row of x.
  var rowFloats: Int { forward.columns.sources * channels }

  /// The output rows of a band.
  func outputRows(of band: Int) -> Range<Int> {
    band * forward.rows.outputs / bands..<(band + 1) * forward.rows.outputs / bands
  }

  /// The pixels of output rows of an image, counted through the batch.
  func outputPixels(_ image: Int, _ rows: Range<Int>) -> Range<Int> {
    let first = image * forward.rows.outputs, width = forward.columns.outputs
    return (first + rows.lowerBound) * width..<(first + rows.upperBound) * width
  }

  /// The input rows whose gradient goes with a band of outputs: together the bands have each row once.
  func inputRows(of band: Int) -> Range<Int> {
    let height = back.rows.outputs, own = outputRows(of: band)
    let start = min(own.lowerBound * strideY, height)
    return start..<(band == bands - 1 ? height : max(start, min(own.upperBound * strideY, height)))
  }

  /// Channels that are packed together: four vectors, a quarter of a kilobyte from each pixel.
  static let packedVectors = 4

  /// Groups of channels that are dealt apart.
  var blocks: Int { isDirect ? 1 : (channels + 16 * Self.packedVectors - 1) / (16 * Self.packedVectors) }
  func channels(of block: Int) -> Range<Int> {
    let size = isDirect ? channels : 16 * Self.packedVectors
    return block * size..<min((block + 1) * size, channels)
  }

  /// Working memory of a worker: a packed band of sources, the taps (of filters or their gradients), and a packed band
  /// of slopes.
  var packedBandFloats: Int {
    if isDirect { return 0 }
    var most = 0
    for band in 0..<bands {
      most = max(most, forward.reach(of: outputRows(of: band)).count, back.reach(of: inputRows(of: band)).count)
    }
    // Seven outputs are read beyond a row's end, where fewer are wanted.
    return most * 16 * Self.packedVectors + 7 * 16 * forward.columns.advance
  }
  var packedTapFloats: Int { isDirect ? 0 : kernelHeight * kernelWidth * 16 * Self.packedVectors }
  var packedSlopeFloats: Int {
    if isDirect { return 0 }
    let rows = (forward.rows.outputs + bands - 1) / bands
    return rows * forward.columns.outputs * 16 * Self.packedVectors
  }
}
