import Compute

/// The windows that contain an input, from which its gradient is collected.
struct PoolingWindows {
  fileprivate let rows: Range<Int>, columns: Range<Int>
  /// From the gradients' start to the image's first window, from row to row, and from window to window.
  fileprivate let origin: Int, rowPitch: Int, channels: Int

  struct Window {
    let row: Int, column: Int
    /// From the gradients' start, in floats.
    let place: Int
  }

  @inline(__always)
  fileprivate func window(_ row: Int, _ column: Int) -> Window {
    let row = rows.lowerBound + row, column = columns.lowerBound + column
    return Window(row: row, column: column, place: origin + row * rowPitch + column * channels)
  }

  /// Puts the sum of `term` over the windows into `target`, channel by channel.
  ///
  /// Windows that overlap by less than a half, as nearly all do, come to an input one, two or four at a time: there the
  /// loop over the channels has no loop inside.
  @inline(__always)
  func collect(
    into target: GradientTarget, at place: Int, _ channels: Int,
    _ term: (_ window: Window, _ channel: Int, _ count: Int) -> Lanes
  ) {
    let first = window(0, 0), below = window(1, 0), beside = window(0, 1), across = window(1, 1)
    switch (rows.count, columns.count) {
    case (1, 1): inLanes(0..<channels) { target.put(term(first, $0, $1), at: place + $0, first: $1) }
    case (1, 2):
      inLanes(0..<channels) { target.put(term(first, $0, $1) + term(beside, $0, $1), at: place + $0, first: $1) }
    case (2, 1):
      inLanes(0..<channels) { target.put(term(first, $0, $1) + term(below, $0, $1), at: place + $0, first: $1) }
    case (2, 2):
      inLanes(0..<channels) {
        let upper = term(first, $0, $1) + term(beside, $0, $1), lower = term(below, $0, $1) + term(across, $0, $1)
        target.put(upper + lower, at: place + $0, first: $1)
      }
    default:
      inLanes(0..<channels) { channel, count in
        var total = Lanes(repeating: 0)
        for row in 0..<rows.count {
          for column in 0..<columns.count { total += term(window(row, column), channel, count) }
        }
        target.put(total, at: place + channel, first: count)
      }
    }
  }
}

extension PoolingPlane {
  /// Visits the inputs of a row, which is numbered through the batch.
  @inline(__always)
  func forEachInput(ofRow number: Int, _ channels: Int, _ body: (_ column: Int, _ windows: PoolingWindows) -> Void) {
    let (image, row) = number.quotientAndRemainder(dividingBy: rows.inputs)
    let rowPitch = columns.outputs * channels, origin = image * rows.outputs * rowPitch
    let rowOutputs = rows.outputs(of: row)
    for column in 0..<columns.inputs {
      let windows = PoolingWindows(
        rows: rowOutputs, columns: columns.outputs(of: column), origin: origin, rowPitch: rowPitch, channels: channels)
      body(column, windows)
    }
  }
}
