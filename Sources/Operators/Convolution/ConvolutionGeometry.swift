import Compute

/// The numbers of one 2-D convolution, from its options and shapes.
///
/// Inputs `[N, H, W, C]`, weight `[O, kh, kw, C/groups]`, output `[N, H', W', O]` with
/// H' = floor((H + 2 p - d (kh - 1) - 1) / s) + 1 and W' alike.
struct ConvolutionGeometry {
  let images: Int, height: Int, width: Int, channels: Int
  let outputHeight: Int, outputWidth: Int, outputChannels: Int
  let kernelHeight: Int, kernelWidth: Int
  let strideY: Int, strideX: Int, paddingY: Int, paddingX: Int, dilationY: Int, dilationX: Int
  let groups: Int

  init(_ options: Conv2D, input: Shape, weight: Shape, output: Shape) {
    (images, height, width, channels) = (input[0], input[1], input[2], input[3])
    (outputHeight, outputWidth, outputChannels) = (output[1], output[2], output[3])
    (kernelHeight, kernelWidth) = (weight[1], weight[2])
    (strideY, strideX) = (options.stride.height, options.stride.width)
    (paddingY, paddingX) = (options.padding.height, options.padding.width)
    (dilationY, dilationX) = (options.dilation.height, options.dilation.width)
    groups = options.groups
  }

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

  /// Pixels a tile, and a number of tiles that two or four workers share evenly. About 256, so that packing the filters
  /// costs a tenth of the product; without columns to hold in cache up to 1024, which is 3 % faster, as long as that leaves
  /// sixteen tiles.
  var pixelsPerTile: Int {
    let wanted = isPointwise ? max(256, min(1024, outputPixels / 16)) : 256
    let tiles = (outputPixels + wanted - 1) / wanted
    let even = tiles < 32 ? (tiles + 3) / 4 * 4 : tiles
    return max(16, (outputPixels + even - 1) / even)
  }

  /// Images a tile of the data gradient, which scatters into whole images: enough to fill a tile of pixels.
  var imagesPerTile: Int {
    let wanted = max(1, 256 / outputPixelsPerImage)
    return max(1, min(wanted, images / 8))
  }

  /// Parts of the batch whose filter gradients are summed apart and then merged in order: at most eight, and 48 MiB, which
  /// stand in the arena when it is fullest. A power of two, because seven parts take two workers as long as eight.
  var filterGradientChunks: Int {
    let bytes = outputChannels * filterLength * 4
    let most = max(1, min(8, (48 << 20) / max(bytes, 1), (outputPixels + 255) / 256))
    return most >= 8 ? 8 : most >= 4 ? 4 : most >= 2 ? 2 : 1
  }
}
