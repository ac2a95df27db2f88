/// Picture files, told apart by their first bytes, never by their names.
public enum ImageFile {
  /// Reads and decodes the JPEG or PNG file at `path`.
  /// - Parameter minimumSide: see `ImageDataset.sample(at:minimumSide:)`; PNG always comes at full size.
  /// - Throws: `DatasetError` with the path and what is wrong.
  public static func decode(path: String, minimumSide: Int? = nil) throws(DatasetError) -> Image {
    // Beyond every picture that the decoders accept: a hole of any size can be called photo.jpg.
    let file = try FileBytes.read(path, maximumBytes: 1 << 30)
    do { return try decode(file, minimumSide: minimumSide) } catch { throw DatasetError(file: path, error) }
  }

  /// Decodes the bytes of a JPEG or PNG file.
  public static func decode(_ file: [UInt8], minimumSide: Int? = nil) throws(FormatError) -> Image {
    switch Kind(file) {
    case .jpeg: return try JPEGDecoder.decode(file, minimumSide: minimumSide)
    case .png: return try PNGDecoder.decode(file)
    case .other(let name): throw FormatError("is \(name); pictures must be JPEG or PNG")
    }
  }

  private enum Kind {
    case jpeg, png
    case other(String)

    init(_ file: [UInt8]) {
      func begins(_ bytes: [UInt8], at offset: Int = 0) -> Bool { file.dropFirst(offset).starts(with: bytes) }
      func begins(_ text: String, at offset: Int = 0) -> Bool { begins(Array(text.utf8), at: offset) }
      if begins([0xFF, 0xD8, 0xFF]) {
        self = .jpeg
      } else if begins([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
        self = .png
      } else if file.isEmpty {
        self = .other("empty")
      } else if begins("GIF8") {
        self = .other("a GIF picture")
      } else if begins("RIFF") && begins("WEBP", at: 8) {
        self = .other("a WebP picture")
      } else if begins("BM") {
        self = .other("a BMP picture")
      } else if begins([0x49, 0x49, 42, 0]) || begins([0x4D, 0x4D, 0, 42]) {
        self = .other("a TIFF picture")
      } else if file.prefix(16).allSatisfy({ (0x20..<0x7F).contains($0) || [9, 10, 13].contains($0) }) {
        let text = String(decoding: file.prefix(16).map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
        self = .other("text that begins with '\(text)'")
      } else {
        let hex = file.prefix(4).map { byte in
          let digits = String(byte, radix: 16, uppercase: true)
          return byte < 16 ? "0" + digits : digits
        }
        self = .other("an unknown format that begins with the bytes \(hex.joined(separator: " "))")
      }
    }
  }
}
