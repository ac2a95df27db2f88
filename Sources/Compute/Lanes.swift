import CProcessor

/// Sixteen floats: one AVX-512 register, two AVX2 ones.
///
/// Swift does not reassociate float sums, so a plain loop over channels does not vectorise when it reduces; kernels
/// load, combine and reduce lanes themselves.
public typealias Lanes = SIMD16<Float>

extension UnsafePointer<Float> {
  /// Sixteen floats from here on, at any alignment.
  @inlinable @inline(__always)
  public func lanes(at offset: Int) -> Lanes { UnsafeRawPointer(self + offset).loadUnaligned(as: Lanes.self) }

  /// The `count` (up to 16) floats from here on; the other lanes hold `fill`.
  ///
  /// By halves: lane by lane, the vector would go through memory, which costs more than the arithmetic of a short row.
  @inlinable @inline(__always)
  public func lanes(at offset: Int, count: Int, fill: Float = 0) -> Lanes {
    guard count < 16 else { return lanes(at: offset) }
    let floats = UnsafeRawPointer(self + offset)
    var two = SIMD2(repeating: fill), four = SIMD4(repeating: fill), eight = SIMD8(repeating: fill)
    if count & 1 != 0 { two.x = self[offset + count - 1] }
    if count & 2 != 0 {
      four.lowHalf = (floats + 4 * (count & 12)).loadUnaligned(as: SIMD2<Float>.self)
      four.highHalf = two
    } else {
      four.lowHalf = two
    }
    if count & 4 != 0 {
      eight.lowHalf = (floats + 4 * (count & 8)).loadUnaligned(as: SIMD4<Float>.self)
      eight.highHalf = four
    } else {
      eight.lowHalf = four
    }
    return count & 8 != 0
      ? Lanes(lowHalf: floats.loadUnaligned(as: SIMD8<Float>.self), highHalf: eight)
      : Lanes(lowHalf: eight, highHalf: SIMD8(repeating: fill))
  }
}

extension UnsafeMutablePointer<Float> {
  /// Sixteen floats from here on, and asks for those 4 KiB further on: for kernels that read memory from end to end. The
  /// processor foresees such walks too, but not far enough: 16 GB/s become 26 (two cores of a Xeon).
  @inlinable @inline(__always)
  public func streamedLanes(at offset: Int) -> Lanes {
    prefetch(at: offset + 1024)
    return lanes(at: offset)
  }

  /// Sixteen floats from here on, at any alignment.
  @inlinable @inline(__always)
  public func lanes(at offset: Int) -> Lanes { UnsafeRawPointer(self + offset).loadUnaligned(as: Lanes.self) }

  /// The `count` (up to 16) floats from here on; the other lanes hold `fill`.
  @inlinable @inline(__always)
  public func lanes(at offset: Int, count: Int, fill: Float = 0) -> Lanes {
    UnsafePointer(self).lanes(at: offset, count: count, fill: fill)
  }

  /// Writes sixteen floats from here on, at any alignment.
  @inlinable @inline(__always)
  public func store(_ lanes: Lanes, at offset: Int) {
    UnsafeMutableRawPointer(self + offset).storeBytes(of: lanes, as: Lanes.self)
  }

  /// Writes the first `count` (up to 16) lanes, by halves.
  @inlinable @inline(__always)
  public func store(_ lanes: Lanes, at offset: Int, count: Int) {
    guard count < 16 else { return store(lanes, at: offset) }
    let floats = UnsafeMutableRawPointer(self + offset)
    var eight = lanes.lowHalf
    if count & 8 != 0 {
      floats.storeBytes(of: eight, as: SIMD8<Float>.self)
      eight = lanes.highHalf
    }
    var four = eight.lowHalf
    if count & 4 != 0 {
      (floats + 4 * (count & 8)).storeBytes(of: four, as: SIMD4<Float>.self)
      four = eight.highHalf
    }
    var two = four.lowHalf
    if count & 2 != 0 {
      (floats + 4 * (count & 12)).storeBytes(of: two, as: SIMD2<Float>.self)
      two = four.highHalf
    }
    if count & 1 != 0 { self[offset + count - 1] = two.x }
  }

  /// Writes sixteen floats past the caches. `self + offset` must be a multiple of 64 bytes.
  ///
  /// An ordinary store reads the line that it writes to, keeps it in the cache and writes it to memory later. Such a
  /// store only writes: worth it for what nobody reads before the caches are full of other things. Others see it after
  /// a barrier of the team (its locked addition empties the buffers that such stores wait in).
  @inlinable @inline(__always)
  public func stream(_ lanes: Lanes, at offset: Int) { processor_stream(self + offset, lanes) }

  /// Asks for the cache line at `offset` before it is read, for walks that the processor does not foresee. Any address
  /// will do.
  @inlinable @inline(__always)
  public func prefetch(at offset: Int) { processor_prefetch(self + offset) }

  /// Asks for the cache line at `offset` in the first-level cache: for what is read within some thousand cycles.
  @inlinable @inline(__always)
  public func prefetchNear(at offset: Int) { processor_prefetch_near(self + offset) }

  /// Asks for the cache line at `offset` before it is written.
  @inlinable @inline(__always)
  public func prefetchForWriting(at offset: Int) { processor_prefetch_for_writing(self + offset) }
}

extension SIMD16<Float> {
  /// `count` floats rounded up to whole vectors, which are also whole cache lines.
  @inlinable @inline(__always)
  public static func padded(_ count: Int) -> Int { (count + 15) / 16 * 16 }

  /// The sum of all lanes in a fixed binary tree.
  @inlinable @inline(__always)
  public var total: Float {
    let eight = lowHalf + highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
  }

  /// The largest lane.
  @inlinable @inline(__always)
  public var largest: Float {
    // By selection: `pointwiseMax` of fewer than sixteen lanes is a call, not an instruction.
    let eight = lowHalf.replacing(with: highHalf, where: highHalf .> lowHalf)
    let four = eight.lowHalf.replacing(with: eight.highHalf, where: eight.highHalf .> eight.lowHalf)
    let two = four.lowHalf.replacing(with: four.highHalf, where: four.highHalf .> four.lowHalf)
    return two.y > two.x ? two.y : two.x
  }
}

/// The sum of `count` floats: sixteen running sums, then a fixed tree.
@inlinable
public func sum(_ values: UnsafePointer<Float>, count: Int) -> Float {
  var lanes = Lanes(repeating: 0)
  var index = 0
  while index + 16 <= count {
    lanes += values.lanes(at: index)
    index += 16
  }
  if index < count { lanes += values.lanes(at: index, count: count - index) }
  return lanes.total
}

/// target += source, element by element.
@inlinable
public func addFloats(_ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, count: Int) {
  var index = 0
  while index + 16 <= count {
    target.store(target.lanes(at: index) + source.lanes(at: index), at: index)
    index += 16
  }
  while index < count {
    target[index] += source[index]
    index += 1
  }
}
