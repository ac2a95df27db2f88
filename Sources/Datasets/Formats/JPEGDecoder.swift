import CTurboJPEG

/// Reads JPEG by libjpeg-turbo, at a reduced size where that is enough.
///
/// Baseline and progressive; grey, YCbCr, RGB, CMYK and YCCK; turned upright as its Exif orientation says. Colour
/// profiles are not applied. With accurate DCT and smooth chroma upsampling, pixels equal those of libjpeg's defaults.
public enum JPEGDecoder {
  /// Decodes a whole file.
  /// - Parameter minimumSide: the picture may come out smaller, scaled while decoding by 1/2, 1/4 or 1/8, as long as
  ///   its shorter side keeps at least this many pixels; `nil` asks for full size.
  /// - Returns: one channel for a grey file, otherwise three.
  /// - Throws: `FormatError` for damaged, truncated or oversized files. Stray bytes between complete segments, which
  ///   cost no pixel and occur in published sets, are let pass.
  public static func decode(_ file: [UInt8], minimumSide: Int? = nil) throws(FormatError) -> Image {
    // A handle costs 0.1 microseconds against 11 for a picture of 71x53: keeping one per thread would gain nothing.
    guard let handle = tjInitDecompress() else { throw FormatError("no memory for a JPEG decoder") }
    defer { tjDestroy(handle) }

    var width: CInt = 0, height: CInt = 0, subsampling: CInt = -1, colors: CInt = -1
    let status = tjDecompressHeader3(handle, file, UInt(file.count), &width, &height, &subsampling, &colors)
    // Chroma sampling that the library has no name for fails here, yet decodes.
    let isUnnamedSampling = subsampling < 0 && colors >= 0 && width > 0 && height > 0
    guard status == 0 || isUnnamedSampling else {
      throw FormatError("is not a readable JPEG: \(message(of: handle))")
    }
    try Image.checkSize(width: Int(width), height: Int(height))
    // A block of 64 pixels takes a bit at least, and the oddest sampling leaves a sixteenth of the blocks: a small file
    // that claims more is a lie or one colour throughout; found here, it costs no memory.
    guard Int(width) * Int(height) / (16 * 64 * 8) <= file.count else {
      throw FormatError("claims to be \(width)x\(height), which \(file.count) bytes cannot hold")
    }

    let factor = scalingFactor(shorterSide: Int(min(width, height)), minimumSide: minimumSide)
    (width, height) = (scaled(width, by: factor), scaled(height, by: factor))
    let format =
      switch TJCS(rawValue: UInt32(colors)) {
      case TJCS_GRAY: TJPF_GRAY
      case TJCS_CMYK, TJCS_YCCK: TJPF_CMYK
      default: TJPF_RGB
      }
    let channels = format == TJPF_GRAY ? 1 : format == TJPF_CMYK ? 4 : 3
    let byteCount = Int(width) * Int(height) * channels
    var result: CInt = 0
    let pixels = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      // The scan limit stops small files that ask for thousands of passes over a large picture.
      result = tjDecompress2(
        handle, file, UInt(file.count), buffer.baseAddress, width, 0, height, format.rawValue, TJFLAG_LIMITSCANS)
      count = byteCount
    }
    if result != 0 && !isHarmless(handle, file) { throw FormatError("is a damaged JPEG: \(message(of: handle))") }

    let image = Image(
      width: Int(width), height: Int(height), channels: channels == 1 ? 1 : 3,
      pixels: channels == 4 ? rgb(fromInvertedCMYK: pixels) : pixels)
    return image.turned(from: EXIFOrientation(jpeg: file))
  }

  /// The smallest factor that leaves the shorter side `minimumSide` pixels.
  ///
  /// Of the library's fifteen only these four pay. A photograph of 1600x1200 takes 2.2 ms at 1/8, 2.5 at 1/4, 2.9 at
  /// 1/2 and 7.9 whole, but 3.4 at 3/8, 9.2 at 5/8, 10.7 at 6/8 and 16.5 at 7/8, which have no vector code.
  private static func scalingFactor(shorterSide: Int, minimumSide: Int?) -> tjscalingfactor {
    let minimumSide = minimumSide ?? shorterSide
    let factors = [8, 4, 2, 1].map { tjscalingfactor(num: 1, denom: $0) }
    return factors.first { Int(scaled(CInt(shorterSide), by: $0)) >= minimumSide } ?? factors[3]
  }

  private static func scaled(_ side: CInt, by factor: tjscalingfactor) -> CInt {
    (side * factor.num + factor.denom - 1) / factor.denom
  }

  /// CMYK files carry inverted inks, as Adobe writes them: red = C' K' / 255, and so on.
  private static func rgb(fromInvertedCMYK inks: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: inks.count / 4 * 3) { rgb, count in
      for pixel in 0..<(inks.count / 4) {
        let black = Int(inks[4 * pixel + 3])
        for channel in 0..<3 { rgb[3 * pixel + channel] = UInt8((Int(inks[4 * pixel + channel]) * black + 127) / 255) }
      }
      count = inks.count / 4 * 3
    }
  }

  /// Whether the decoder only stumbled over bytes that belong to no segment, in a file that has its end marker. (It
  /// reports its first warning alone; the end marker excludes that a truncation hides behind it.)
  private static func isHarmless(_ handle: tjhandle, _ file: [UInt8]) -> Bool {
    guard tjGetErrorCode(handle) == CInt(TJERR_WARNING.rawValue) else { return false }
    let text = message(of: handle)
    let harmless = ["extraneous bytes before marker", "unknown JFIF revision"]
    guard harmless.contains(where: text.contains) else { return false }
    return zip(file, file.dropFirst()).reversed().contains { $0 == (0xFF, 0xD9) }
  }

  private static func message(of handle: tjhandle) -> String { String(cString: tjGetErrorStr2(handle)) }
}

extension Image {
  /// The most pixels that a file may claim: 128 Mi, beyond every camera and below what would exhaust a machine.
  package static let maximumPixels = 1 << 27

  static func checkSize(width: Int, height: Int) throws(FormatError) {
    guard width > 0, height > 0, width <= maximumPixels / height else {
      throw FormatError("claims to be \(width)x\(height); pictures of 1 to \(maximumPixels) pixels are read")
    }
  }
}
