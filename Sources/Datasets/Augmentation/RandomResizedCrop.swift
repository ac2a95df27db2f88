import Compute
import Foundation

/// Cuts out a window of random area and proportions and scales it to a fixed size: the augmentation of the ImageNet
/// recipes (Szegedy et al., CVPR 2015, section 6).
public struct RandomResizedCrop: Transform {
  public let size: ImageSize
  /// The window's share of the picture's area.
  public let scale: ClosedRange<Float>
  /// The window's width over its height; its logarithm is drawn uniformly.
  public let ratio: ClosedRange<Float>

  public init(size: ImageSize, scale: ClosedRange<Float> = 0.08...1, ratio: ClosedRange<Float> = 3 / 4...4 / 3) {
    precondition(scale.lowerBound > 0 && ratio.lowerBound > 0, "scale \(scale), ratio \(ratio)")
    self.size = size
    self.scale = scale
    self.ratio = ratio
  }

  public var outputSize: ImageSize? { size }

  /// So many that the smallest window still has the target's size: then decoding small never blurs what is trained on.
  public var minimumSide: Int? {
    let thinnest = scale.lowerBound * min(ratio.lowerBound, 1 / ratio.upperBound)
    return Int((Float(max(size.width, size.height)) / thinnest.squareRoot()).rounded(.up))
  }

  public func apply(to image: inout Image, drawing random: inout RandomStream) {
    let window = window(in: image.size, drawing: &random)
    image = image.resized(from: window, to: size)
  }

  /// Ten tries to place a window as drawn, then the largest centred one of allowed proportions, as torchvision does.
  package func window(in picture: ImageSize, drawing random: inout RandomStream) -> ImageWindow {
    let area = Float(picture.width * picture.height)
    let logRatio = (log(ratio.lowerBound), log(ratio.upperBound))
    for _ in 0..<10 {
      let target = area * random.uniform(scale.lowerBound, scale.upperBound)
      let proportions = exp(random.uniform(logRatio.0, logRatio.1))
      let width = Int((target * proportions).squareRoot().rounded(.toNearestOrEven))
      let height = Int((target / proportions).squareRoot().rounded(.toNearestOrEven))
      if width > 0 && width <= picture.width && height > 0 && height <= picture.height {
        let top = random.integer(below: picture.height - height + 1)
        let left = random.integer(below: picture.width - width + 1)
        return ImageWindow(top: top, left: left, size: ImageSize(width: width, height: height))
      }
    }
    return fallback(in: picture)
  }

  private func fallback(in picture: ImageSize) -> ImageWindow {
    let proportions = Float(picture.width) / Float(picture.height)
    var width = picture.width, height = picture.height
    if proportions < ratio.lowerBound {
      height = Int((Float(width) / ratio.lowerBound).rounded(.toNearestOrEven))
    } else if proportions > ratio.upperBound {
      width = Int((Float(height) * ratio.upperBound).rounded(.toNearestOrEven))
    }
    return ImageWindow(
      top: (picture.height - height) / 2, left: (picture.width - width) / 2,
      size: ImageSize(width: width, height: max(height, 1)))
  }
}
