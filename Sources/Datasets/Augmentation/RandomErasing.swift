import Compute
import Glibc

/// Overwrites random rectangles of the normalised picture (Zhong, Zheng, Kang, Li, Yang; AAAI 2020, algorithm 1), as
/// timm's `RandomErasing` does: nothing then is the mean colour, and noise has the picture's own mean and deviation.
public struct RandomErasing: NormalizedTransform {
  /// What a rectangle is filled with.
  public enum Mode: String, CaseIterable, Sendable {
    /// 0, the mean colour.
    case const
    /// One standard normal number for each channel.
    case rand
    /// A standard normal number for each element.
    case pixel
  }

  /// That anything of a picture is erased; 0...1.
  public let probability: Float
  /// What the rectangles of a picture take together of its area, if there are as many as drawn.
  public let area: ClosedRange<Float>
  /// A rectangle's height over its width; its logarithm is drawn uniformly.
  public let aspect: ClosedRange<Float>
  public let mode: Mode
  /// The most rectangles of one picture; their number is drawn evenly from 1 on.
  public let count: Int

  public init(
    probability: Float = 0.5, area: ClosedRange<Float> = 0.02...1 / 3, aspect: ClosedRange<Float> = 0.3...1 / 0.3,
    mode: Mode = .const, count: Int = 1
  ) {
    precondition(probability >= 0 && probability <= 1, "a probability of \(probability)")
    precondition(area.lowerBound > 0 && aspect.lowerBound > 0 && count > 0, "\(area), \(aspect), \(count) rectangles")
    self.probability = probability
    self.area = area
    self.aspect = aspect
    self.mode = mode
    self.count = count
  }

  public func apply(to picture: TensorView, drawing random: inout RandomStream) {
    let height = picture.shape[0], width = picture.shape[1]
    for window in windows(in: ImageSize(width: width, height: height), drawing: &random) {
      erase(window, of: picture, drawing: &random)
    }
  }

  /// The rectangles of one picture: none, or those that fitted within ten tries each.
  package func windows(in picture: ImageSize, drawing random: inout RandomStream) -> [ImageWindow] {
    guard random.uniform() < probability else { return [] }
    let rectangles = 1 + random.integer(below: count)
    let share = Float(picture.width * picture.height) / Float(rectangles)
    let logAspect = (log(aspect.lowerBound), log(aspect.upperBound))
    return (0..<rectangles).compactMap { _ in
      for _ in 0..<10 {
        let target = share * random.uniform(area.lowerBound, area.upperBound)
        let proportions = exp(random.uniform(logAspect.0, logAspect.1))
        let height = Int((target * proportions).squareRoot().rounded(.toNearestOrEven))
        let width = Int((target / proportions).squareRoot().rounded(.toNearestOrEven))
        guard height < picture.height && width < picture.width else { continue }
        let top = random.integer(below: picture.height - height + 1)
        let left = random.integer(below: picture.width - width + 1)
        // A rectangle of less than half a pixel erases nothing.
        guard height > 0 && width > 0 else { return nil }
        return ImageWindow(top: top, left: left, size: ImageSize(width: width, height: height))
      }
      return nil
    }
  }

  private func erase(_ window: ImageWindow, of picture: TensorView, drawing random: inout RandomStream) {
    let width = picture.shape[1], channels = picture.shape[2]
    // At most three channels: a network takes 1 or 3.
    var colour = SIMD4<Float>.zero
    if mode == .rand { for channel in 0..<channels { colour[channel] = random.normal() } }
    for row in window.top..<window.top + window.size.height {
      let line = picture.pointer + (row * width + window.left) * channels
      for element in 0..<window.size.width * channels {
        line[element] = mode == .pixel ? random.normal() : colour[element % channels]
      }
    }
  }
}
