import Compute

/// What a tensor shows to somebody who wants to know why a network answers as it does.
public enum Sight: Hashable, Sendable {
  /// Factors that a module multiplies its input by. Their extents say what they weigh: `[N, 1, 1, C]` channels,
  /// `[N, H, W, 1]` places, `[N, H, W, C]` either at once.
  case gate
  /// Shares of the places, `[N, H, W, maps]`: each map sums to 1.
  case attention
  /// What each position takes from each other, `[N, positions, keys]` or `[N, heads, positions, keys]`.
  case relation
  /// The same where one token that stands for all others comes before them, among the positions and the keys.
  case relationBehindSummary
  /// What each frame takes from each other at one place, `[places, frames, frames]` or
  /// `[places, heads, frames, frames]`.
  case relationInTime
  /// What each position of a clip takes from each other, frame after frame: `[N, positions, keys]` or
  /// `[N, heads, positions, keys]`, N being the zones where a clip is cut into some.
  case relationInClip
  /// Shares of named parts, one after the other along the first axis that is longer than 1 behind N; `title` says of
  /// what.
  case weights(title: String, parts: [String])
  /// A trained number that is the same for every image; numbers of one `title` belong together.
  case factor(title: String, name: String)
  /// The last feature map before the image is pooled to one vector, `[N, H, W, C]`: what Grad-CAM looks at.
  case features
}

/// A tensor that model code has marked.
public struct Sighting: Hashable, Sendable {
  /// The module's path.
  public let path: String
  public let sight: Sight
  /// The name of the graph's output that holds it.
  public let output: String
  /// The shape to read it under.
  public let shape: Shape
}

extension Tensor {
  /// Marks this tensor as something worth looking at. Only a trace that is watched keeps it, as one more output; in any
  /// other nothing changes, so that what is trained is not touched by what is shown.
  /// - Parameter extents: the shape to read it under, where that is not its own.
  @discardableResult
  public func seen(as sight: Sight, _ extents: [Int]? = nil) -> Tensor {
    guard trace.isWatched else { return self }
    let shown = extents.map(reshaped) ?? self
    if shown.isValid { trace.note(sight, shown) }
    return self
  }
}
