import Compute

/// One operation on a decoded picture: a crop, a flip, a change of colour.
///
/// What it draws comes from the stream it is handed, which is keyed by (seed, epoch, sample, operation): a picture is
/// treated alike by any thread of any rank, and differently in the next epoch.
public protocol Transform: Sendable {
  /// Replaces `image` by its transformed self.
  /// - Throws: `TransformError` when the picture does not suit the operation.
  func apply(to image: inout Image, drawing random: inout RandomStream) throws
  /// The size that every picture has afterwards; `nil` when it keeps the one it had.
  var outputSize: ImageSize? { get }
  /// The pixels that the shorter side of a picture must have for this operation to lose nothing by a decoder's scaling;
  /// `nil` when it needs the picture as it is.
  var minimumSide: Int? { get }
}

extension Transform {
  public var outputSize: ImageSize? { nil }
  public var minimumSide: Int? { nil }
}

/// A transform of the numbers that a picture becomes, applied after the normalisation and so after all others.
public protocol NormalizedTransform: Transform {
  /// Changes `picture`, [height, width, channels], in place.
  func apply(to picture: TensorView, drawing random: inout RandomStream)
}

extension NormalizedTransform {
  /// The picture itself stays as it is.
  public func apply(to image: inout Image, drawing random: inout RandomStream) {}
}

/// Width and height in pixels.
public struct ImageSize: Hashable, Sendable, CustomStringConvertible {
  /// The largest side that a run file may ask pictures to be brought to; pictures themselves may be larger.
  public static let largestSide = 1 << 14

  public let width: Int
  public let height: Int

  public init(width: Int, height: Int) {
    precondition(width > 0 && height > 0, "an image of \(width)x\(height)")
    self.width = width
    self.height = height
  }

  /// A square.
  public init(side: Int) { self.init(width: side, height: side) }

  public var description: String { "\(width)x\(height)" }
}

extension Image {
  /// Width and height in pixels.
  public var size: ImageSize { ImageSize(width: width, height: height) }
}

/// A picture that an operation cannot be applied to.
public struct TransformError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The operation by its name in a run file.
  public let operation: String
  /// The size of the picture.
  public let found: ImageSize
  /// What would have done.
  public let wanted: String

  public init(operation: String, found: ImageSize, wanted: String) {
    self.operation = operation
    self.found = found
    self.wanted = wanted
  }

  public var description: String { "\(operation): the picture is \(found), wanted \(wanted)" }
}
