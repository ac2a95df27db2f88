import Compute
import Graphs

/// A part of a network: a value with options whose call traces what it computes.
///
/// A module names its parameters by the names of the reference implementation; the path of the module is put before
/// them.
/// ```swift
/// x.then("layer1.0", BasicBlock(channels: 64))        // parameters layer1.0.conv1.weight, …
/// ```
public protocol Module {
  func callAsFunction(_ x: Tensor) -> Tensor
}

extension Module {
  /// The images `[H, W, C]` that this network takes for the frames of one clip; 1 where each stands for itself.
  public func framesPerClip(image: Shape) -> Int {
    let trace = Trace(mode: .inference)
    _ = self(trace.input("images", Shape([1] + image.array)))
    return trace.framesPerClip
  }
}

/// A module that hands on what it is given: an empty slot.
public struct Identity: Module {
  public init() {}
  public func callAsFunction(_ x: Tensor) -> Tensor { x }
}

/// One module applied in several places with the same parameters: a detection head over levels, one MLP over two
/// poolings.
public final class Shared<Content: Module>: Module {
  public let content: Content
  public init(_ content: Content) { self.content = content }
  public func callAsFunction(_ x: Tensor) -> Tensor { content(x) }
}

extension Tensor {
  /// Applies `module` as the part called `name` of the module being traced. A dotted name goes several levels down.
  public func then(_ name: String, _ module: some Module) -> Tensor { trace.scope(name) { module(self) } }

  /// Applies a shared module; every application under the same name uses the parameters of the first.
  public func then<Content>(_ name: String, _ module: Shared<Content>) -> Tensor {
    trace.sharedScope(name, owner: module) { module(self) }
  }
}
