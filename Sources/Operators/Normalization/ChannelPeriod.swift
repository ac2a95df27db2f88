import Compute

/// The pattern of channels in rows of `channels` floats, seen sixteen floats at a time.
///
/// After lcm(C, 16) floats rows and vectors start together again. Kernels walk rows in such periods, with whatever they
/// know of a channel spread over one period, so that every number of channels, 3 or 24 as well as 64, uses whole
/// vectors.
struct ChannelPeriod {
  let channels: Int
  /// Floats of a period, a multiple of 16.
  let width: Int
  /// Rows of a period.
  let rows: Int

  init(channels: Int) {
    self.channels = channels
    var (a, b) = (channels, 16)
    while b != 0 { (a, b) = (b, a % b) }
    rows = 16 / a
    width = rows * channels
  }

  /// Channels rounded up to whole vectors: the room that one number a channel takes in scratch memory.
  var padded: Int { Lanes.padded(channels) }

  /// Floats in a tile of an element-wise pass: whole periods, about 64 KiB.
  var tileFloats: Int { max(1, 16_384 / width) * width }

  /// Rows in a tile of a reduction: whole periods, about 64 KiB, yet so many that partial sums stay small beside the
  /// data.
  var tileRows: Int { max(32, 16_384 / width) * rows }

  /// Writes `value` to every place of `channel` in a period.
  @inline(__always)
  func spread(_ value: Float, _ channel: Int, into period: UnsafeMutablePointer<Float>) {
    for row in 0..<rows { period[row * channels + channel] = value }
  }

  /// Writes the number of each channel in `row` to all its places in a period.
  @inline(__always)
  func spread(_ row: UnsafePointer<Float>, into period: UnsafeMutablePointer<Float>) {
    for line in 0..<rows { (period + line * channels).update(from: row, count: channels) }
  }

  /// Sums over all places of each channel in a period, as a row of channels.
  @inline(__always)
  func gather(_ period: UnsafePointer<Float>, into row: UnsafeMutablePointer<Float>) {
    row.update(from: period, count: channels)
    for line in 1..<rows { addFloats(period + line * channels, to: row, count: channels) }
  }

  /// Visits the elements of `range`, which starts at a period: sixteen at a time, then the rest one by one. The second
  /// argument is the place in the period.
  @inline(__always)
  func visit(
    _ range: Range<Int>, lanes: (_ index: Int, _ place: Int) -> Void, rest: (_ index: Int, _ place: Int) -> Void
  ) {
    var start = range.lowerBound
    while start < range.upperBound {
      let count = min(width, range.upperBound - start)
      var place = 0
      while place + 16 <= count {
        lanes(start + place, place)
        place += 16
      }
      while place < count {
        rest(start + place, place)
        place += 1
      }
      start += width
    }
  }

  /// Sums over all periods of the first `count` floats, one for each place: eight periods in a tree, then a chain.
  @inline(__always)
  func sum(
    _ count: Int, into sums: UnsafeMutablePointer<Float>, lanes term: (_ index: Int, _ place: Int) -> Lanes,
    rest restTerm: (_ index: Int, _ place: Int) -> Float
  ) {
    sums.update(repeating: 0, count: width)
    let width = width, group = 8 * width
    var start = 0
    while start + group <= count {
      var place = 0
      while place < width {
        let at = start + place
        let first =
          (term(at, place) + term(at + width, place))
          + (term(at + 2 * width, place) + term(at + 3 * width, place))
        let later =
          (term(at + 4 * width, place) + term(at + 5 * width, place))
          + (term(at + 6 * width, place) + term(at + 7 * width, place))
        sums.store(sums.lanes(at: place) + (first + later), at: place)
        place += 16
      }
      start += group
    }
    visit(start..<count) { index, place in
      sums.store(sums.lanes(at: place) + term(index, place), at: place)
    } rest: { index, place in
      sums[place] += restTerm(index, place)
    }
  }

  /// Two sums at once over all periods of the first `count` floats: four periods in a tree, then a chain.
  @inline(__always)
  func sums(
    _ count: Int, into first: UnsafeMutablePointer<Float>, _ second: UnsafeMutablePointer<Float>,
    lanes term: (_ index: Int, _ place: Int) -> (Lanes, Lanes),
    rest restTerm: (_ index: Int, _ place: Int) -> (Float, Float)
  ) {
    first.update(repeating: 0, count: width)
    second.update(repeating: 0, count: width)
    let width = width, group = 4 * width
    var start = 0
    while start + group <= count {
      var place = 0
      while place < width {
        let at = start + place
        let (a0, b0) = term(at, place), (a1, b1) = term(at + width, place)
        let (a2, b2) = term(at + 2 * width, place), (a3, b3) = term(at + 3 * width, place)
        first.store(first.lanes(at: place) + ((a0 + a1) + (a2 + a3)), at: place)
        second.store(second.lanes(at: place) + ((b0 + b1) + (b2 + b3)), at: place)
        place += 16
      }
      start += group
    }
    visit(start..<count) { index, place in
      let (a, b) = term(index, place)
      first.store(first.lanes(at: place) + a, at: place)
      second.store(second.lanes(at: place) + b, at: place)
    } rest: { index, place in
      let (a, b) = restTerm(index, place)
      first[place] += a
      second[place] += b
    }
  }
}

/// Two times sixteen sums in double, for as many channels, in a worker's own scratch memory.
///
/// Tiles are merged sixteen channels at a time: one channel at a time would fetch a cache line for every number.
struct ChannelTotals {
  static let floats = 64
  let first, second: UnsafeMutablePointer<Double>

  init(in scratch: UnsafeMutablePointer<Float>) {
    first = UnsafeMutableRawPointer(scratch).assumingMemoryBound(to: Double.self)
    second = first + 16
  }

  @inline(__always)
  func clear() { first.update(repeating: 0, count: 32) }
}
