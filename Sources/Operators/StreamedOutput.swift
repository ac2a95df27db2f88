import Compute

/// Memory that a kernel writes once, in whole vectors: past the caches where that pays (`Streaming`).
struct StreamedOutput {
  private let target: GradientTarget
  private let isPastCaches: Bool

  /// Adds to what is there where the target accumulates; there the lines are read anyway.
  /// - Parameters:
  ///   - width: floats of a row, for kernels that begin every row with a vector of its own.
  ///   - first: with `second` and `third` what the kernel reads. Where that is the same memory, its lines lie in the cache
  ///     already.
  @inline(__always)
  init(
    _ target: GradientTarget, rows width: Int = 16, besides first: UnsafeMutablePointer<Float>? = nil,
    _ second: UnsafeMutablePointer<Float>? = nil, _ third: UnsafeMutablePointer<Float>? = nil
  ) {
    let own = target.pointer
    self.target = target
    isPastCaches =
      !target.accumulates && width % 16 == 0 && own != first && own != second && own != third
      && Streaming.suits(own, count: target.view.count)
  }

  @inline(__always)
  init(
    _ view: TensorView, rows width: Int = 16, besides first: UnsafeMutablePointer<Float>? = nil,
    _ second: UnsafeMutablePointer<Float>? = nil
  ) {
    self.init(GradientTarget(view, accumulates: false), rows: width, besides: first, second)
  }

  /// Writes or adds sixteen floats.
  /// - Parameter offset: a multiple of sixteen.
  @inline(__always)
  func put(_ lanes: Lanes, at offset: Int) {
    if isPastCaches { target.pointer.stream(lanes, at: offset) } else { target.put(lanes, at: offset) }
  }

  /// Writes or adds the first `count` lanes, sixteen or fewer.
  @inline(__always)
  func put(_ lanes: Lanes, at offset: Int, first count: Int) {
    if count == 16 { put(lanes, at: offset) } else { target.put(lanes, at: offset, first: count) }
  }

  /// Writes or adds one float.
  @inline(__always)
  func put(_ value: Float, at offset: Int) { target.put(value, at: offset) }
}
