import Compute

/// Visits `range` sixteen positions at a time, then what is left of it: `body` gets the first position and how many.
///
/// The body is inlined twice, once with the constant 16, so that the loads and stores below with `first: 16` are plain
/// ones.
@inline(__always)
func inLanes(_ range: Range<Int>, _ body: (_ position: Int, _ count: Int) -> Void) {
  var position = range.lowerBound
  let end = range.upperBound
  while position + 16 <= end {
    body(position, 16)
    position += 16
  }
  if position < end { body(position, end - position) }
}

extension SIMD16<Float> {
  /// These lanes up to `count`, `fill` in the others: what must not count in a sum or win as the largest.
  @inline(__always)
  func keeping(first count: Int, orElse fill: Float) -> Lanes {
    count == 16 ? self : replacing(with: fill, where: Lanes.ascending .>= Float(count))
  }
}

extension UnsafePointer<Float> {
  /// The `count` (up to 16) floats from here on; the other lanes hold `fill`.
  @inline(__always)
  func lanes(at offset: Int, first count: Int, fill: Float = 0) -> Lanes {
    count == 16 ? lanes(at: offset) : lanes(at: offset, count: count, fill: fill)
  }
}

extension UnsafeMutablePointer<Float> {
  /// The `count` (up to 16) floats from here on, for kernels that read memory from end to end.
  @inline(__always)
  func streamedLanes(at offset: Int, first count: Int) -> Lanes {
    count == 16 ? streamedLanes(at: offset) : lanes(at: offset, count: count)
  }

  /// The `count` (up to 16) floats from here on; the other lanes hold `fill`.
  @inline(__always)
  func lanes(at offset: Int, first count: Int, fill: Float = 0) -> Lanes {
    count == 16 ? lanes(at: offset) : lanes(at: offset, count: count, fill: fill)
  }

  /// Writes the first `count` (up to 16) lanes.
  @inline(__always)
  func store(_ lanes: Lanes, at offset: Int, first count: Int) {
    if count == 16 { store(lanes, at: offset) } else { store(lanes, at: offset, count: count) }
  }
}

extension GradientTarget {
  /// Writes or adds the first `count` (up to 16) lanes.
  @inline(__always)
  func put(_ lanes: Lanes, at offset: Int, first count: Int) {
    if count == 16 {
      put(lanes, at: offset)
    } else {
      for lane in 0..<count { put(lanes[lane], at: offset + lane) }
    }
  }
}
