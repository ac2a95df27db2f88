import Compute

/// Where Winograd's method puts what it has transformed back, and what it sums on the way over the places of a tile,
/// then over a stretch of tiles. Every stretch begins and ends once, one without tiles too.
protocol WinogradOutput {
  associatedtype Sums
  var none: Sums { get }
  func begin(_ stretch: Int)
  /// Asks for what is read where values are put, a tile ahead.
  func prefetch(at offset: Int)
  func put(_ value: Lanes, at offset: Int, channel: Int, _ count: Int, _ sums: inout Sums)
  /// - Parameters:
  ///   - values: values of a channel in the tile.
  ///   - seen: those in the stretch's tiles before it.
  func add(_ sums: Sums, channel: Int, _ stretch: Int, values: Int, after seen: Int)
  /// - Parameter values: values of a channel in the stretch.
  func end(_ stretch: Int, values: Int)
}

extension WinogradOutput {
  @inline(__always)
  func prefetch(at offset: Int) {}

  @inline(__always)
  func end(_ stretch: Int, values: Int) {}
}

/// y = b + value.
struct BiasedOutput: WinogradOutput {
  private let y: StreamedOutput
  private let bias: UnsafeMutablePointer<Float>?

  init(_ y: StreamedOutput, _ bias: UnsafeMutablePointer<Float>?) { (self.y, self.bias) = (y, bias) }

  @inline(__always)
  var none: Void { () }

  @inline(__always)
  func begin(_ stretch: Int) {}

  @inline(__always)
  func put(_ value: Lanes, at offset: Int, channel: Int, _ count: Int, _ sums: inout Void) {
    let start = bias.map { $0.lanes(at: channel, first: count) } ?? Lanes(repeating: 0)
    y.put(value + start, at: offset, first: count)
  }

  @inline(__always)
  func add(_ sums: Void, channel: Int, _ stretch: Int, values: Int, after seen: Int) {}
}

/// y = value, and the moments of its channels: for a convolution whose output a batch norm reads.
struct MeasuredOutput: WinogradOutput {
  let y: StreamedOutput
  let parts: MomentParts

  /// Sums of the distances from a tile's first value, and of their squares: what cancels between them loses no more than
  /// the sixteenfold of a rounding, for a value is at most so far from the mean of n as sqrt(n) of their deviations.
  struct Sums {
    var pivot = Lanes(repeating: 0)
    var plain = Lanes(repeating: 0)
    var squared = Lanes(repeating: 0)
    var isEmpty = true
  }

  @inline(__always)
  var none: Sums { Sums() }

  @inline(__always)
  func begin(_ stretch: Int) { parts.clear(stretch) }

  @inline(__always)
  func put(_ value: Lanes, at offset: Int, channel: Int, _ count: Int, _ sums: inout Sums) {
    y.put(value, at: offset, first: count)
    if sums.isEmpty { (sums.pivot, sums.isEmpty) = (value, false) }
    let distance = value - sums.pivot
    sums.plain += distance
    sums.squared.addProduct(distance, distance)
  }

  @inline(__always)
  func add(_ sums: Sums, channel: Int, _ stretch: Int, values: Int, after seen: Int) {
    let distance = sums.plain * (1 / Float(values)), squares = sums.squared - distance * sums.plain
    parts[stretch].add(
      mean: sums.pivot + distance, squares: squares.replacing(with: 0, where: squares .< 0), at: channel,
      ColumnMoments.Weight(rows: values, after: seen))
  }

  @inline(__always)
  func end(_ stretch: Int, values: Int) { parts.setRows(values, of: stretch) }
}

/// g = value f', and its sums: for the gradient at the input of a convolution that reads it through a norm.
struct SlopeOutput: WinogradOutput {
  let read: NormalizedReader
  let x: UnsafeMutablePointer<Float>
  let mean: UnsafeMutablePointer<Float>
  /// Where g goes; nowhere when only the sums are wanted.
  let g: StreamedOutput?
  let parts: GradientSumParts
  let channels: Int

  typealias Sums = (plain: Lanes, centered: Lanes)

  @inline(__always)
  var none: Sums { (Lanes(repeating: 0), Lanes(repeating: 0)) }

  @inline(__always)
  func begin(_ stretch: Int) {
    parts.plain(stretch).update(repeating: 0, count: channels)
    parts.centered(stretch).update(repeating: 0, count: channels)
  }

  @inline(__always)
  func prefetch(at offset: Int) { x.prefetch(at: offset) }

  @inline(__always)
  func put(_ value: Lanes, at offset: Int, channel: Int, _ count: Int, _ sums: inout Sums) {
    let x = x.lanes(at: offset), slope = read.slope(value, at: x, channel)
    g?.put(slope, at: offset)
    sums.plain += slope
    sums.centered.addProduct(slope, x - mean.lanes(at: channel))
  }

  @inline(__always)
  func add(_ sums: Sums, channel: Int, _ stretch: Int, values: Int, after seen: Int) {
    let plain = parts.plain(stretch), centered = parts.centered(stretch)
    plain.store(plain.lanes(at: channel) + sums.plain, at: channel)
    centered.store(centered.lanes(at: channel) + sums.centered, at: channel)
  }
}
