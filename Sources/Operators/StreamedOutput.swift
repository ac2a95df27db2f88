import Compute

/// Memory that a kernel writes once, in whole vectors: past the caches where that pays (`Streaming`).
struct StreamedOutput {
  private let target: GradientTarget
  private let isPastCaches: Bool

  /// Adds to what is there where the target accumulates; there the lines are read anyway.
  /// - Parameter inputs: what the kernel reads. Where that is the same memory, its lines lie in the cache already.
  init(_ target: GradientTarget, besides inputs: UnsafeMutablePointer<Float>...) {
    self.target = target
    isPastCaches =
      !target.accumulates && Streaming.suits(target.pointer, count: target.view.count)
      && !inputs.contains(target.pointer)
  }

  init(_ view: TensorView, besides inputs: UnsafeMutablePointer<Float>...) {
    target = GradientTarget(view, accumulates: false)
    isPastCaches = Streaming.suits(view.pointer, count: view.count) && !inputs.contains(view.pointer)
  }

  /// For kernels that write rows of channels, each by itself.
  init(rowsOf target: GradientTarget) {
    self.target = target
    isPastCaches =
      !target.accumulates && target.view.shape.channels % 16 == 0
      && Streaming.suits(target.pointer, count: target.view.count)
  }

  /// Writes or adds sixteen floats.
  /// - Parameter offset: a multiple of sixteen.
  @inline(__always)
  func put(_ lanes: Lanes, at offset: Int) {
    if isPastCaches { target.pointer.stream(lanes, at: offset) } else { target.put(lanes, at: offset) }
  }

  /// Writes or adds the first `count` lanes, sixteen or fewer.
  /// - Parameter offset: a multiple of sixteen where rows are.
  @inline(__always)
  func put(_ lanes: Lanes, at offset: Int, first count: Int) {
    if isPastCaches { target.pointer.stream(lanes, at: offset) } else { target.put(lanes, at: offset, first: count) }
  }

  /// Writes or adds one float.
  @inline(__always)
  func put(_ value: Float, at offset: Int) { target.put(value, at: offset) }
}
