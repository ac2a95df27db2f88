/// Turns bytes into the floats that a network takes: (byte / 255 - mean) / standardDeviation for each channel.
public struct Normalization: Hashable, Sendable {
  /// One value per channel, or one for all, in units of the brightest pixel (0...1).
  public let mean: [Float]
  /// One value per channel, or one for all, in units of the brightest pixel; above 0.
  public let standardDeviation: [Float]

  public init(mean: [Float], standardDeviation: [Float]) {
    precondition(mean.count == standardDeviation.count, "\(mean.count) means, \(standardDeviation.count) deviations")
    precondition(!mean.isEmpty && standardDeviation.allSatisfy { $0 > 0 }, "deviations \(standardDeviation)")
    self.mean = mean
    self.standardDeviation = standardDeviation
  }

  /// 0...1, neither centred nor scaled.
  public static let unit = Normalization(mean: [0], standardDeviation: [1])
  /// -1...1.
  public static let half = Normalization(mean: [0.5], standardDeviation: [0.5])
  /// The statistics of ImageNet's training pictures that published weights were trained with.
  public static let imageNet = Normalization(mean: [0.485, 0.456, 0.406], standardDeviation: [0.229, 0.224, 0.225])
  /// The statistics of CIFAR-10's 50,000 training pictures.
  public static let cifar10 = Normalization(
    mean: [0.4914, 0.4822, 0.4465], standardDeviation: [0.2470, 0.2435, 0.2616])
  /// The statistics of CIFAR-100's 50,000 training pictures.
  public static let cifar100 = Normalization(
    mean: [0.5071, 0.4865, 0.4409], standardDeviation: [0.2673, 0.2564, 0.2762])
  /// The statistics of MNIST's 60,000 training pictures.
  public static let mnist = Normalization(mean: [0.1307], standardDeviation: [0.3081])
  /// The statistics of Fashion-MNIST's 60,000 training pictures.
  public static let fashionMNIST = Normalization(mean: [0.2860], standardDeviation: [0.3530])

  /// The float of every byte, 256 for each of `channels` channels. A channel without a value of its own has the last
  /// one's.
  func table(channels: Int) -> [Float] {
    (0..<channels).flatMap { channel in
      let mean = mean[min(channel, mean.count - 1)]
      let deviation = standardDeviation[min(channel, standardDeviation.count - 1)]
      return (0..<256).map { (Float($0) / 255 - mean) / deviation }
    }
  }
}

/// The last stage of a pipeline: the one copy from a picture's bytes into a batch's floats, normalised on the way.
///
/// A table of 256 floats per channel serves any normalisation at the cost of one load per element.
struct NormalizingCopy: Sendable {
  /// What the network takes: 1 or 3.
  let channels: Int
  private let table: [Float]

  init(_ normalization: Normalization, channels: Int) {
    precondition(channels == 1 || channels == 3, "\(channels) channels")
    self.channels = channels
    table = normalization.table(channels: channels)
  }

  /// Writes `image` as [height, width, channels]. A grey picture is repeated into three channels, a coloured one is
  /// reduced to its luma (ITU-R 601) for a network that takes one.
  func write(_ image: Image, to target: UnsafeMutablePointer<Float>) {
    let pixelCount = image.width * image.height
    table.withUnsafeBufferPointer { table in
      image.pixels.withUnsafeBufferPointer { bytes in
        let table = table.baseAddress!, bytes = bytes.baseAddress!
        switch (image.channels, channels) {
        case (3, 3):
          for offset in stride(from: 0, to: 3 * pixelCount, by: 3) {
            target[offset] = table[Int(bytes[offset])]
            target[offset + 1] = table[256 + Int(bytes[offset + 1])]
            target[offset + 2] = table[512 + Int(bytes[offset + 2])]
          }
        case (1, 1):
          for pixel in 0..<pixelCount { target[pixel] = table[Int(bytes[pixel])] }
        case (1, 3):
          for pixel in 0..<pixelCount {
            let byte = Int(bytes[pixel])
            target[3 * pixel] = table[byte]
            target[3 * pixel + 1] = table[256 + byte]
            target[3 * pixel + 2] = table[512 + byte]
          }
        default:
          for pixel in 0..<pixelCount {
            target[pixel] = table[Int(luma(bytes[3 * pixel], bytes[3 * pixel + 1], bytes[3 * pixel + 2]))]
          }
        }
      }
    }
  }
}

/// The brightness of a colour, 0.299 red + 0.587 green + 0.114 blue (ITU-R 601), rounded as Pillow does.
@inline(__always)
func luma(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> UInt8 {
  UInt8(truncatingIfNeeded: (UInt32(red) &* 19595 &+ UInt32(green) &* 38470 &+ UInt32(blue) &* 7471 &+ 0x8000) >> 16)
}
