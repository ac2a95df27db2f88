import Compute

/// The numbers of one 2-D convolution, from its options and shapes.
///
/// Inputs `[N, H, W, C]`, weight `[O, kh, kw, C/groups]`, output `[N, H', W', O]` with
/// H' = floor((H + 2 p - d (kh - 1) - 1) / s) + 1 and W' alike.
struct ConvolutionGeometry {
  let images: Int
  private(set) var height: Int, width: Int, channels: Int
  private(set) var outputHeight: Int, outputWidth: Int, outputChannels: Int
  let kernelHeight: Int, kernelWidth: Int
  let strideY: Int, strideX: Int
  private(set) var paddingY: Int, paddingX: Int
  let dilationY: Int, dilationX: Int
  let groups: Int
  private(set) var filters: FilterStrides
  private let forcedMethod: ConvolutionMethod?

  init(_ options: Conv2D, input: Shape, weight: Shape, output: Shape) {
    (images, height, width, channels) = (input[0], input[1], input[2], input[3])
    (outputHeight, outputWidth, outputChannels) = (output[1], output[2], output[3])
    (kernelHeight, kernelWidth) = (weight[1], weight[2])
    (strideY, strideX) = (options.stride.height, options.stride.width)
    (paddingY, paddingX) = (options.padding.height, options.padding.width)
    (dilationY, dilationX) = (options.dilation.height, options.dilation.width)
    groups = options.groups
    filters = FilterStrides(origin: 0, output: weight.count(over: 1..<4), tap: weight[3], channel: 1)
    forcedMethod = options.method
  }

  /// Where the filters lie in memory: the weight of output o, tap t = v kw + u and channel c is at
  /// origin + o · output + t · tap + c · channel.
  struct FilterStrides {
    let origin: Int, output: Int, tap: Int, channel: Int
  }

  /// The correlation that computes dx from dy where stride, dilation and groups are 1: inputs and outputs trade places,
  /// the filters are turned round, and the padding makes the result as large as x.
  var turned: ConvolutionGeometry {
    var turned = self
    (turned.height, turned.width, turned.channels) = (outputHeight, outputWidth, outputChannels)
    (turned.outputHeight, turned.outputWidth, turned.outputChannels) = (height, width, channels)
    (turned.paddingY, turned.paddingX) = (kernelHeight - 1 - paddingY, kernelWidth - 1 - paddingX)
    turned.filters = FilterStrides(
      origin: filters.origin + (kernelHeight * kernelWidth - 1) * filters.tap, output: filters.channel,
      tap: -filters.tap, channel: filters.output)
    return turned
  }

  /// How one of the three products is computed. Depends on the shapes alone.
  func method(for product: ConvolutionProduct) -> ConvolutionMethod {
    if forcedMethod == .winograd && hasWinograd(product) { return .winograd }
    if suitsPlanar(product) && (forcedMethod ?? .planar) == .planar { return .planar }
    if suitsDirect(product) && (forcedMethod ?? .direct) == .direct { return .direct }
    if suitsGrouped && (forcedMethod ?? .grouped) == .grouped { return .grouped }
    if isPointwise && (forcedMethod ?? .pointwise) == .pointwise { return .pointwise }
    return .imageToColumns
  }

  /// At most eight planes to correlate, such as two channels in and one out: matrix products this thin leave most of
  /// the vector registers empty.
  private func suitsPlanar(_ product: ConvolutionProduct) -> Bool {
    isDense && hasUnitStride && filterLength > groupChannels && kernelWidth <= 8 && channels * outputChannels <= 8
      && (product != .dataGradient || hasTurned)
  }

  /// Few enough channels that filters and a band of rows stay in cache, and whole vectors of outputs: there copying
  /// patches and packing matrices costs as much as the product.
  private func suitsDirect(_ product: ConvolutionProduct) -> Bool {
    guard isDense, filterLength > groupChannels, channels <= 64, outputChannels <= 64, outputChannels % 16 == 0 else {
      return false
    }
    switch product {
    case .forward, .filterGradient: return hasTallBands
    case .dataGradient: return channels % 16 == 0 && hasUnitStride && hasTurned && turned.hasTallBands
    }
  }

  /// Winograd's method knows 3x3 filters that move by single pixels.
  private func hasWinograd(_ product: ConvolutionProduct) -> Bool {
    kernelHeight == 3 && kernelWidth == 3 && isDense && hasUnitStride && (product != .dataGradient || hasTurned)
  }

  /// Whether Winograd's method knows all three products.
  var takesWinograd: Bool { hasWinograd(.dataGradient) }

  /// Whether Winograd's method computes the three products faster than the plain ones: from 16 channels on, measured
  /// for ResNets of 32 and 224 pixels; where its tiles are so full that they save a third of the products; and where there
  /// are tiles enough to pay for the transforms of the filters.
  var favoursWinograd: Bool {
    hasWinograd(.dataGradient) && min(channels, outputChannels) >= 16 && winogradTiles >= 32
      && outputPixels >= 6 * winogradTiles
  }

  private var isDense: Bool { groups == 1 && dilationY == 1 && dilationX == 1 }
  private var hasUnitStride: Bool { strideY == 1 && strideX == 1 }
  /// Whether `turned` has no negative padding.
  private var hasTurned: Bool { paddingY < kernelHeight && paddingX < kernelWidth }

  /// Input and output channels of a group.
  var groupChannels: Int { channels / groups }
  var groupOutputs: Int { outputChannels / groups }
  /// The length of a filter: taps times channels of a group.
  var filterLength: Int { kernelHeight * kernelWidth * groupChannels }
  var outputPixelsPerImage: Int { outputHeight * outputWidth }
  var outputPixels: Int { images * outputPixelsPerImage }

  /// A 1x1 convolution that reads every pixel once is a matrix product on the activations as they lie.
  var isPointwise: Bool {
    kernelHeight == 1 && kernelWidth == 1 && strideY == 1 && strideX == 1 && paddingY == 0 && paddingX == 0 && groups == 1
  }

  /// Pixels a tile, in sixes as products take them, and a number of tiles that two or four workers share evenly. About
  /// 256; without columns to hold in cache up to 1024, as long as that leaves sixteen tiles.
  var pixelsPerTile: Int {
    let wanted = isPointwise ? max(256, min(1024, outputPixels / 16)) : 256
    let tiles = (outputPixels + wanted - 1) / wanted
    let even = tiles < 32 ? (tiles + 3) / 4 * 4 : tiles
    return max(18, (outputPixels + even - 1) / even + 5) / 6 * 6
  }

  /// Images a tile of the data gradient, which scatters into whole images: enough to fill a tile of pixels.
  var imagesPerTile: Int {
    let wanted = max(1, 256 / outputPixelsPerImage)
    return max(1, min(wanted, images / 8))
  }

  /// Whether a product writes past the caches: many pixels, each of whole cache lines.
  func streams(_ y: UnsafeMutablePointer<Float>, pixels: Int, channels: Int) -> Bool {
    channels % 16 == 0 && Streaming.suits(y, count: pixels * channels)
  }

  /// Parts of the batch whose filter gradients are summed apart and then merged in order: at most eight, and 48 MiB,
  /// which stand in the arena when it is fullest. A power of two, because seven parts take two workers as long as
  /// eight. Filters that are too large for that are cut into tiles themselves (`tilesFilters`).
  var filterGradientChunks: Int {
    let bytes = outputChannels * filterLength * 4
    let most = max(1, min(8, (48 << 20) / max(bytes, 1), (outputPixels + 255) / 256))
    return most >= 8 ? 8 : most >= 4 ? 4 : most >= 2 ? 2 : 1
  }
}

/// The three products of a convolution.
enum ConvolutionProduct { case forward, dataGradient, filterGradient }

/// The ways to compute them; see the file of each.
public enum ConvolutionMethod: String, Sendable { case imageToColumns, pointwise, planar, direct, grouped, winograd }
