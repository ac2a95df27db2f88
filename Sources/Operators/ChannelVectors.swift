import Compute

/// Visits `channels` sixteen at a time; the last vector has fewer lanes when they do not divide.
@inline(__always)
func forEachVector(_ channels: Int, _ body: (_ channel: Int, _ lanes: Int) -> Void) {
  var channel = 0
  while channel + 16 <= channels {
    body(channel, 16)
    channel += 16
  }
  if channel < channels { body(channel, channels - channel) }
}

extension UnsafeMutablePointer<Float> {
  /// The sixteen, or the last `lanes`, floats at `channel`.
  @inline(__always)
  func vector(_ channel: Int, _ count: Int) -> Lanes {
    count == 16 ? lanes(at: channel) : lanes(at: channel, count: count)
  }

  /// Writes sixteen, or the first `count`, lanes.
  @inline(__always)
  func put(_ vector: Lanes, _ channel: Int, _ count: Int) {
    if count == 16 { store(vector, at: channel) } else { store(vector, at: channel, count: count) }
  }
}
