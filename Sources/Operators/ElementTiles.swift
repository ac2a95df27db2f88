import Compute

extension Worker {
  /// Visits `count` elements in tiles of 16,384 (64 KiB: a few such streams fit in L2), sixteen at a time, then the rest
  /// of the last tile one by one. `lanes` gets the first of sixteen indices.
  @inlinable @inline(__always)
  public func elements(_ count: Int, lanes: (Int) -> Void, rest: (Int) -> Void) {
    for range in ranges(count, by: 16_384) {
      var index = range.lowerBound
      while index + 16 <= range.upperBound {
        lanes(index)
        index += 16
      }
      while index < range.upperBound {
        rest(index)
        index += 1
      }
    }
  }
}
