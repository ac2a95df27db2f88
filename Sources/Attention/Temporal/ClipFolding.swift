import Configuration
import Graphs
import Layers

/// A module on clips inside a host of images, whose batch holds the frames of each clip one after the other.
///
/// In and out `[N·T, H, W, C]`; the module sees `[N, T, H, W, C]`.
public struct ClipFolding<Content: Module & Sendable>: Module, Sendable {
  /// T, the frames of a clip.
  public var frames: Int
  /// The module that sees whole clips.
  public var content: Content

  /// The images of a batch must be a multiple of `frames`.
  public init(frames: Int, _ content: Content) {
    self.frames = frames
    self.content = content
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.trace.takes(framesPerClip: frames)
    guard x.isValid, x.shape.rank > 1, x.shape[0] % frames == 0 else {
      return x.trace.invalid("cannot fold \(x.shape) into clips of \(frames) frames: wanted whole clips [N·T, …, C]")
    }
    let shape = x.shape.array
    let y = content(x.reshaped([shape[0] / frames, frames] + shape.dropFirst()))
    return y.isValid ? y.reshaped([shape[0]] + y.shape.array.dropFirst(2)) : y
  }
}

extension Tensor {
  /// Whether this is a clip, `[N, T, H, W, C]`.
  var isClip: Bool { isValid && shape.rank == 5 }

  /// The mistake of giving something else to a module that does `verb` with clips.
  func notAClip(_ verb: String) -> Tensor {
    isValid ? trace.invalid("\(verb) \(shape): wanted [N, T, H, W, C]") : self
  }
}

extension ConfigSection {
  /// `frames`: those of a clip.
  func frames() throws -> Int { try int("frames", default: AttentionCatalog.defaultFrames, in: 1...4096) }
}
