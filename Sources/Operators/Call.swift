import Compute

/// Working memory and circumstances of one call, the same for both passes.
public struct CallContext: @unchecked Sendable {
  let shared: UnsafeMutablePointer<Float>
  let perWorker: UnsafeMutablePointer<Float>
  let floatsPerWorker: Int
  /// Where this call draws random numbers: keyed by (seed, step, replica, node). The backward pass sees the key of its
  /// forward pass.
  public var random: RandomKey

  /// Views of `memory`, which has room for `scratch.shared + workers * scratch.perWorker` floats (see `floatCount`).
  public init(memory: UnsafeMutablePointer<Float>, scratch: Scratch, random: RandomKey) {
    shared = memory
    // Whole cache lines, so that workers do not write to each other's.
    perWorker = memory + Lanes.padded(scratch.shared)
    floatsPerWorker = Lanes.padded(scratch.perWorker)
    self.random = random
  }

  /// The memory that a call with `scratch` needs on a team of `workers`, in floats.
  public static func floatCount(_ scratch: Scratch, workers: Int) -> Int {
    Lanes.padded(scratch.shared) + workers * Lanes.padded(scratch.perWorker)
  }

  /// The block that all workers see.
  public var sharedScratch: UnsafeMutablePointer<Float> { shared }

  /// The block that only `worker` sees.
  public func scratch(of worker: Worker) -> UnsafeMutablePointer<Float> { perWorker + worker.index * floatsPerWorker }
}

/// The arguments of a forward pass.
public struct ForwardCall: @unchecked Sendable {
  public let inputs: [TensorView]
  public let outputs: [TensorView]
  public var context: CallContext

  public init(inputs: [TensorView], outputs: [TensorView], context: CallContext) {
    self.inputs = inputs
    self.outputs = outputs
    self.context = context
  }
}

/// The arguments of a backward pass.
public struct BackwardCall: @unchecked Sendable {
  /// The forward pass's inputs. Those that `keeps` does not name have their shape but no memory: reading one is a
  /// fault.
  public let inputs: [TensorView]
  /// The forward pass's outputs, likewise.
  public let outputs: [TensorView]
  /// The gradient of the loss with respect to each output; `nil` where nothing depends on that output.
  public let outputGradients: [TensorView?]
  /// Where to put the gradient of the loss with respect to each input; `nil` where nobody asks for it.
  public let inputGradients: [GradientTarget?]
  public var context: CallContext

  public init(
    inputs: [TensorView], outputs: [TensorView], outputGradients: [TensorView?], inputGradients: [GradientTarget?],
    context: CallContext
  ) {
    self.inputs = inputs
    self.outputs = outputs
    self.outputGradients = outputGradients
    self.inputGradients = inputGradients
    self.context = context
  }
}

/// Memory for a gradient, and whether the kernel overwrites it or adds to what is there.
public struct GradientTarget: Sendable {
  public let view: TensorView
  public let accumulates: Bool

  public init(_ view: TensorView, accumulates: Bool) {
    self.view = view
    self.accumulates = accumulates
  }

  public var pointer: UnsafeMutablePointer<Float> { view.pointer }
}

extension GradientTarget {
  /// Writes or adds sixteen floats.
  @inline(__always)
  public func put(_ lanes: Lanes, at offset: Int) {
    view.pointer.store(accumulates ? view.pointer.lanes(at: offset) + lanes : lanes, at: offset)
  }

  /// Writes or adds the first `count` lanes.
  @inline(__always)
  public func put(_ lanes: Lanes, at offset: Int, count: Int) {
    let sum = accumulates ? view.pointer.lanes(at: offset, count: count) + lanes : lanes
    view.pointer.store(sum, at: offset, count: count)
  }

  /// Writes or adds one float.
  @inline(__always)
  public func put(_ value: Float, at offset: Int) {
    view.pointer[offset] = accumulates ? view.pointer[offset] + value : value
  }
}
