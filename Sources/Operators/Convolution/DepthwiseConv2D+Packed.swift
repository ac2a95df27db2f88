import Compute

/// Depth-wise sums on packed bands: sixteen channels of a band of rows are copied side by side with the padding around
/// them, so that no tap is outside, a window of rows fits the first-level cache whatever the number of channels, and
/// channels that do not fill a vector cost nothing more.
extension DepthwiseGeometry {
  /// Puts one block of channels of rows of an image of outputs, or of the data gradient, into `target`.
  func correlatePacked(
    _ source: UnsafeMutablePointer<Float>, _ filters: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    along plane: TapPlane, image: Int, rows range: Range<Int>, block: Int, into target: GradientTarget,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let reach = plane.reach(of: range), own = channels(of: block), taps = scratch + packedBandFloats
    pack(source, image, plane, reach, own, into: scratch)
    packTaps(filters, plane, own, into: taps)
    let rows = plane.rows, columns = plane.columns, pitch = columns.phases * channels, channels = channels
    inVectors(own) { vector, channel, lanes in
      let source = scratch + vector * reach.count * 16, filters = taps + vector * kernelHeight * kernelWidth * 16
      let first = bias.map { $0.lanes(at: channel, first: lanes) } ?? Lanes(repeating: 0)
      for row in range {
        for phase in 0..<min(columns.phases, columns.outputs) {
          let window = PackedWindow(
            rows, rows.taps(of: row), columns, columns.taps(of: phase), reach, kernelWidth: kernelWidth)
          let x = source + window.source, w = filters + window.filter
          let start = ((image * rows.outputs + row) * columns.outputs + phase) * channels + channel
          let outputs = (columns.outputs - 1 - phase) / columns.phases + 1
          var output = 0
          while output < outputs {
            let sums = window.sums(x + output * columns.advance * 16, w, startingFrom: first)
            sums.visit(min(7, outputs - output)) { target.put($1, at: start + (output + $0) * pitch, first: lanes) }
            output += 7
          }
        }
      }
    }
  }

  /// Adds one block of channels of the products of rows of an image's slopes with x to filter gradients `[kh, kw, C]`
  /// (none where `x` is `nil`), and the slopes to the bias gradient.
  func addPackedProducts(
    _ x: UnsafeMutablePointer<Float>?, _ dy: UnsafeMutablePointer<Float>, image: Int, rows range: Range<Int>,
    block: Int, to sums: UnsafeMutablePointer<Float>, _ biasSums: UnsafeMutablePointer<Float>?,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let reach = forward.reach(of: range), own = channels(of: block), width = forward.columns.outputs
    let slopes = scratch + packedBandFloats + packedTapFloats, pixels = range.count * width
    pack(dy, image, back, PixelRectangle(rows: range, columns: 0..<width), own, into: slopes)
    if let x { pack(x, image, forward, reach, own, into: scratch) }
    inVectors(own) { vector, channel, lanes in
      let dy = slopes + vector * pixels * 16
      if let biasSums {
        var total = biasSums.lanes(at: channel, first: lanes)
        for pixel in 0..<pixels { total += dy.lanes(at: pixel * 16) }
        biasSums.store(total, at: channel, first: lanes)
      }
      if x != nil {
        addProducts(scratch + vector * reach.count * 16, dy, reach, rows: range, to: sums + channel, lanes)
      }
    }
  }

  /// Sixteen channels of the products of a packed band with its packed slopes: up to seven neighbouring taps of two
  /// rows at a time, because fewer chains would wait for the multiply-adds.
  private func addProducts(
    _ source: UnsafeMutablePointer<Float>, _ dy: UnsafeMutablePointer<Float>, _ reach: PixelRectangle,
    rows range: Range<Int>, to sums: UnsafeMutablePointer<Float>, _ lanes: Int
  ) {
    let rows = forward.rows, columns = forward.columns, channels = channels, step = columns.sourceStep * 16
    for tapRow in stride(from: 0, to: kernelHeight, by: 2) {
      let hasSecond = tapRow + 1 < kernelHeight
      let second = hasSecond ? rows.sourceStep * reach.columns.count * 16 : 0
      let first = PackedWindow(
        rows, rows.taps(of: range.lowerBound), columns, columns.taps(of: 0), reach, kernelWidth: kernelWidth)
      forEachGroup(of: kernelWidth) { firstTap, taps in
        let walk = PackedProducts(
          x: source + first.source + tapRow * first.sourceRow + firstTap * step, second: second, step: step,
          advance: columns.advance * 16, rowPitch: rows.advance * reach.columns.count * 16, dy: dy,
          rows: range.count, columns: columns.outputs)
        let (upper, lower) = walk.sums(taps)
        let place = sums + (tapRow * kernelWidth + firstTap) * channels
        upper.visit(taps) {
          place.store(place.lanes(at: $0 * channels, first: lanes) + $1, at: $0 * channels, first: lanes)
        }
        guard hasSecond else { return }
        let next = place + kernelWidth * channels
        lower.visit(taps) {
          next.store(next.lanes(at: $0 * channels, first: lanes) + $1, at: $0 * channels, first: lanes)
        }
      }
    }
  }

  /// Copies a rectangle of one image, zero outside it, into one plane for each vector of channels.
  private func pack(
    _ source: UnsafeMutablePointer<Float>, _ image: Int, _ plane: TapPlane, _ reach: PixelRectangle,
    _ own: Range<Int>, into packed: UnsafeMutablePointer<Float>
  ) {
    let height = plane.rows.sources, width = plane.columns.sources, channels = channels, planeFloats = reach.count * 16
    let zero = Lanes(repeating: 0)
    for row in reach.rows {
      let line = source + (image * height + row) * width * channels, isInside = row >= 0 && row < height
      var place = packed + (row - reach.rows.lowerBound) * reach.columns.count * 16
      for column in reach.columns {
        if isInside && column >= 0 && column < width {
          inVectors(own) { vector, channel, lanes in
            place.store(line.lanes(at: column * channels + channel, first: lanes), at: vector * planeFloats)
          }
        } else {
          inVectors(own) { vector, _, _ in place.store(zero, at: vector * planeFloats) }
        }
        place += 16
      }
    }
  }

  /// Copies filters `[kh, kw, C]`, one list of taps for each vector of channels, those side by side that reach an
  /// output together.
  private func packTaps(
    _ filters: UnsafeMutablePointer<Float>, _ plane: TapPlane, _ own: Range<Int>,
    into packed: UnsafeMutablePointer<Float>
  ) {
    let channels = channels
    for row in 0..<kernelHeight {
      for column in 0..<kernelWidth {
        let place = packed + (plane.rows.slot(of: row) * kernelWidth + plane.columns.slot(of: column)) * 16
        let taps = filters + (row * kernelWidth + column) * channels
        inVectors(own) { vector, channel, lanes in
          place.store(taps.lanes(at: channel, first: lanes), at: vector * kernelHeight * kernelWidth * 16)
        }
      }
    }
  }

  /// Visits the vectors of a range of channels: number, first channel, channels.
  @inline(__always)
  private func inVectors(_ own: Range<Int>, _ body: (_ vector: Int, _ channel: Int, _ lanes: Int) -> Void) {
    inLanes(own) { body(($0 - own.lowerBound) / 16, $0, $1) }
  }
}

/// The taps over a run of outputs in a packed band: distances in floats.
private struct PackedWindow {
  let source: Int, filter: Int
  let sourceRow: Int
  private let rows: Int, columns: Int
  private let filterRow: Int
  private let step: Int, advance: Int

  init(
    _ rowAxis: TapAxis, _ rows: TapRun, _ columnAxis: TapAxis, _ columns: TapRun,
    _ reach: PixelRectangle, kernelWidth: Int
  ) {
    (self.rows, self.columns) = (rows.count, columns.count)
    let pitch = reach.columns.count * 16, isEmpty = rows.count == 0 || columns.count == 0
    source = (rows.source - reach.rows.lowerBound) * pitch + (columns.source - reach.columns.lowerBound) * 16
    filter = isEmpty ? 0 : (rowAxis.slot(of: rows.first) * kernelWidth + columnAxis.slot(of: columns.first)) * 16
    (sourceRow, filterRow) = (rows.sourceStep * pitch, kernelWidth * 16)
    (step, advance) = (columns.sourceStep, columnAxis.advance)
  }

  /// first + Σ w · x for seven outputs (of which the caller may want fewer). Where the distances of taps and outputs
  /// are literals, the compiler loads what several outputs read but once.
  func sums(
    _ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>, startingFrom first: Lanes
  ) -> SevenLanes {
    if columns <= 7 { return sums(of: columns, x, w, startingFrom: first) }
    var total = SevenLanes(repeating: first)
    forEachGroup(of: columns) { start, taps in
      let x = x + start * step * 16, w = w + start * 16
      total.add(sums(of: taps, x, w, startingFrom: Lanes(repeating: 0)))
    }
    return total
  }

  private func sums(
    of taps: Int, _ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>, startingFrom first: Lanes
  ) -> SevenLanes {
    switch taps {
    case 0: SevenLanes(repeating: first)
    case 1: sums(x, w, first, One.self)
    case 2: sums(x, w, first, Two.self)
    case 3: sums(x, w, first, Three.self)
    case 4: sums(x, w, first, Four.self)
    case 5: sums(x, w, first, Five.self)
    case 6: sums(x, w, first, Six.self)
    default: sums(x, w, first, Seven.self)
    }
  }

  @inline(__always)
  private func sums<Taps: Literal>(
    _ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>, _ first: Lanes, _: Taps.Type
  ) -> SevenLanes {
    switch (step, advance) {
    case (1, 1): sums(x, w, first, Taps.self, One.self)
    case (1, 2): sums(x, w, first, Taps.self, Two.self)
    default: plainSums(x, w, first, Taps.self)
    }
  }

  @inline(never)
  private func sums<Taps: Literal, Advance: Literal>(
    _ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>, _ first: Lanes, _: Taps.Type, _: Advance.Type
  ) -> SevenLanes {
    var sums = SevenLanes(repeating: first), x = x, w = w
    for _ in 0..<rows {
      for tap in 0..<Taps.value {
        sums.addProducts(w.lanes(at: tap * 16)) { x.lanes(at: (tap + $0 * Advance.value) * 16) }
      }
      x += sourceRow
      w += filterRow
    }
    return sums
  }

  /// The same for any distances.
  @inline(never)
  private func plainSums<Taps: Literal>(
    _ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>, _ first: Lanes, _: Taps.Type
  ) -> SevenLanes {
    var sums = SevenLanes(repeating: first), x = x, w = w
    for _ in 0..<rows {
      for tap in 0..<Taps.value {
        sums.addProducts(w.lanes(at: tap * 16)) { x.lanes(at: (tap * step + $0 * advance) * 16) }
      }
      x += sourceRow
      w += filterRow
    }
    return sums
  }
}

/// Neighbouring taps of two rows of a filter, and the band of outputs over which their gradients are summed: distances
/// in floats.
private struct PackedProducts {
  let x: UnsafeMutablePointer<Float>
  /// From the upper row of taps to the lower, and from tap to tap.
  let second: Int, step: Int
  let advance: Int, rowPitch: Int
  let dy: UnsafeMutablePointer<Float>
  let rows: Int, columns: Int

  /// Σ dy · x for `taps` neighbours of both rows.
  func sums(_ taps: Int) -> (SevenLanes, SevenLanes) {
    switch taps {
    case 1: step == 16 ? neighbourSums(One.self) : plainSums(One.self)
    case 2: step == 16 ? neighbourSums(Two.self) : plainSums(Two.self)
    case 3: step == 16 ? neighbourSums(Three.self) : plainSums(Three.self)
    case 4: step == 16 ? neighbourSums(Four.self) : plainSums(Four.self)
    case 5: step == 16 ? neighbourSums(Five.self) : plainSums(Five.self)
    case 6: step == 16 ? neighbourSums(Six.self) : plainSums(Six.self)
    default: step == 16 ? neighbourSums(Seven.self) : plainSums(Seven.self)
    }
  }

  @inline(never)
  private func neighbourSums<Taps: Literal>(_: Taps.Type) -> (SevenLanes, SevenLanes) { sums(step: 16, Taps.self) }

  @inline(never)
  private func plainSums<Taps: Literal>(_: Taps.Type) -> (SevenLanes, SevenLanes) { sums(step: step, Taps.self) }

  @inline(__always)
  private func sums<Taps: Literal>(step: Int, _: Taps.Type) -> (SevenLanes, SevenLanes) {
    var upper = SevenLanes(repeating: Lanes(repeating: 0)), lower = upper
    var slopes = dy
    for row in 0..<rows {
      var x = x + row * rowPitch
      for _ in 0..<columns {
        let slope = slopes.lanes(at: 0), below = x + second
        upper.addProducts(slope, count: Taps.value) { x.lanes(at: $0 * step) }
        lower.addProducts(slope, count: Taps.value) { below.lanes(at: $0 * step) }
        x += advance
        slopes += 16
      }
    }
    return (upper, lower)
  }
}
