/// Decoded pixels: 8 bits a channel, channels interleaved, rows from top to bottom.
public struct Image: Hashable, Sendable {
  public let width: Int
  public let height: Int
  /// 1 (grey) or 3 (red, green, blue).
  public let channels: Int
  public var pixels: [UInt8]

  public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
    precondition(pixels.count == width * height * channels, "\(pixels.count) bytes for \(width)x\(height)x\(channels)")
    self.width = width
    self.height = height
    self.channels = channels
    self.pixels = pixels
  }

  @inlinable
  public subscript(row: Int, column: Int, channel: Int) -> UInt8 {
    get { pixels[(row * width + column) * channels + channel] }
    set { pixels[(row * width + column) * channels + channel] = newValue }
  }
}

/// One labelled picture.
public struct Sample: Sendable {
  public var image: Image
  /// The class, 0..<classNames.count.
  public var label: Int

  public init(image: Image, label: Int) {
    self.image = image
    self.label = label
  }
}

/// A finite collection of labelled pictures, random-access by index and safe to read from many threads at once.
public protocol ImageDataset: Sendable {
  /// The number of samples.
  var count: Int { get }
  /// The classes in label order.
  var classNames: [String] { get }
  /// The size of every picture, where they have one size; the default is that they do not.
  var imageSize: ImageSize? { get }
  /// T where samples i T ..< (i + 1) T are the frames of a clip, which stay together in batches; 1 where each stands
  /// for itself, which is the default. It divides `count`.
  var framesPerClip: Int { get }
  /// What to call a sample in a sentence: its file, or file and record.
  func name(of index: Int) -> String
  /// Reads and decodes one sample.
  /// - Parameter minimumSide: a decoder that can scale while decoding may deliver the picture smaller, as long as its
  ///   shorter side keeps at least this many pixels; `nil` asks for full size.
  /// - Throws: `DatasetError` naming the file and what is wrong with it.
  func sample(at index: Int, minimumSide: Int?) throws -> Sample
}

extension ImageDataset {
  public var imageSize: ImageSize? { nil }
  public var framesPerClip: Int { 1 }
}

/// A data set, or a sample of it, that cannot be read.
public struct DatasetError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file, and the record within it where there are several.
  public let file: String
  /// What is wrong, and what was wanted.
  public let reason: String

  public init(file: String, reason: String) {
    self.file = file
    self.reason = reason
  }

  public var description: String { "\(file): \(reason)" }
}
