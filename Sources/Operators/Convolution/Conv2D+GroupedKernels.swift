import Compute

/// The sums of a grouped convolution on packed bands, in registers: seven outputs, or seven taps, times one or two
/// vectors of channels.
extension GroupedDirection {
  /// Puts one slice of rows of an image of outputs into `target`.
  func correlate(
    _ band: UnsafeMutablePointer<Float>, _ filters: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    image: Int, rows range: Range<Int>, slice number: Int, into target: GradientTarget
  ) {
    let slice = slice(number), channels = groups * targets, columns = plane.columns, vectors = vectors
    let channel = slice.group * targets + slice.firstTarget, lanes = min(16, slice.count), rest = slice.count - lanes
    let zero = Lanes(repeating: 0)
    let first = bias.map { $0.lanes(at: channel, first: lanes) } ?? zero
    let second = rest == 0 ? zero : bias.map { $0.lanes(at: channel + 16, first: rest) } ?? zero
    let reach = plane.reach(of: range), pitch = columns.phases * channels, step = columns.advance * depth
    for row in range {
      for phase in 0..<min(columns.phases, columns.outputs) {
        let window = window(reach, row: row, column: phase)
        let outputs = (columns.outputs - 1 - phase) / columns.phases + 1
        var x = band + window.source
        let w = filters + window.filter
        var place = ((image * plane.rows.outputs + row) * columns.outputs + phase) * channels + channel
        var output = 0
        while output < outputs {
          let count = min(7, outputs - output)
          if vectors == 2 {
            let sums = window.pairSums(x, w, step: step, first, second)
            sums.low.visit(count) { target.put($1, at: place + $0 * pitch, first: lanes) }
            if rest > 0 { sums.high.visit(count) { target.put($1, at: place + 16 + $0 * pitch, first: rest) } }
          } else {
            let sums =
              isNarrow ? window.vectorSums(x, w, step: step, first) : window.broadcastSums(x, w, step: step, first)
            sums.visit(count) { target.put($1, at: place + $0 * pitch, first: lanes) }
          }
          output += 7
          x += 7 * step
          place += 7 * pitch
        }
      }
    }
  }

  /// Adds the products of a packed band with its packed slopes to one slice's filter gradients, packed as filters are.
  func addProducts(
    _ band: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, rows range: Range<Int>,
    to products: UnsafeMutablePointer<Float>
  ) {
    let reach = plane.reach(of: range), start = window(reach, row: range.lowerBound, column: 0)
    let pitch = plane.rows.advance * reach.columns.count * depth
    let walk = ProductWalk(
      rows: range.count, columns: plane.columns.outputs, rowPitch: pitch, step: plane.columns.advance * depth)
    // Where taps are neighbours, their channels follow each other in memory.
    let joins = plane.columns.sourceStep == 1, run = joins ? kernelWidth * sources : sources
    for row in 0..<kernelHeight {
      for column in 0..<(joins ? 1 : kernelWidth) {
        let x = band + start.source + row * start.sourceRow + column * start.sourceColumn
        let target = products + (row * kernelWidth + column) * sources * 16 * vectors
        forEachGroup(of: run) { first, count in
          walk.add(
            x + first * unit, slopes, count: count, kind: vectors == 2 ? .pair : isNarrow ? .vector : .broadcast,
            to: target + first * 16 * vectors)
        }
      }
    }
  }

  private func window(_ reach: PixelRectangle, row: Int, column: Int) -> GroupedWindow {
    let rows = plane.rows.taps(of: row), columns = plane.columns.taps(of: column)
    let pitch = reach.columns.count * depth, isEmpty = rows.count == 0 || columns.count == 0
    let slot =
      isEmpty ? 0 : plane.rows.slot(of: rows.first) * kernelWidth + plane.columns.slot(of: columns.first)
    let joins = columns.sourceStep == 1
    return GroupedWindow(
      rows: rows.count, columns: joins ? min(1, columns.count) : columns.count,
      run: sources * (joins ? columns.count : 1),
      source: (rows.source - reach.rows.lowerBound) * pitch + (columns.source - reach.columns.lowerBound) * depth,
      filter: slot * sources * 16 * vectors, sourceRow: rows.sourceStep * pitch,
      sourceColumn: columns.sourceStep * depth, filterRow: kernelWidth * sources * 16 * vectors)
  }
}

/// The taps and source channels over a run of outputs: distances in floats.
private struct GroupedWindow {
  let rows: Int, columns: Int
  /// Values that lie side by side.
  let run: Int
  let source: Int, filter: Int
  let sourceRow: Int, sourceColumn: Int, filterRow: Int

  /// Σ w · x for seven outputs of narrow groups: every value is a vector.
  @inline(never)
  func vectorSums(
    _ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>, step: Int, _ first: Lanes
  ) -> SevenLanes {
    var sums = SevenLanes(repeating: first)
    forEachValue(x, w, unit: 16, width: 16) { x, w in
      sums.addProducts(w.lanes(at: 0)) { x.lanes(at: $0 * step) }
    }
    return sums
  }

  /// Σ w · x for seven outputs and one vector of a wide group.
  @inline(never)
  func broadcastSums(
    _ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>, step: Int, _ first: Lanes
  ) -> SevenLanes {
    var sums = SevenLanes(repeating: first)
    forEachValue(x, w, unit: 1, width: 16) { x, w in
      sums.addProducts(w.lanes(at: 0)) { Lanes(repeating: x[$0 * step]) }
    }
    return sums
  }

  /// Σ w · x for seven outputs and two vectors of a wide group.
  @inline(never)
  func pairSums(
    _ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>, step: Int, _ first: Lanes, _ second: Lanes
  ) -> (low: SevenLanes, high: SevenLanes) {
    var low = SevenLanes(repeating: first), high = SevenLanes(repeating: second)
    forEachValue(x, w, unit: 1, width: 32) { x, w in
      low.addProducts(w.lanes(at: 0)) { Lanes(repeating: x[$0 * step]) }
      high.addProducts(w.lanes(at: 16)) { Lanes(repeating: x[$0 * step]) }
    }
    return (low, high)
  }

  @inline(__always)
  private func forEachValue(
    _ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>, unit: Int, width: Int,
    _ body: (_ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>) -> Void
  ) {
    for row in 0..<rows {
      var w = w + row * filterRow
      for column in 0..<columns {
        var x = x + row * sourceRow + column * sourceColumn
        for _ in 0..<run {
          body(x, w)
          x += unit
          w += width
        }
      }
    }
  }
}

/// The outputs over which a filter gradient is summed: distances in floats of a packed band.
private struct ProductWalk {
  let rows: Int, columns: Int
  let rowPitch: Int, step: Int

  enum Kind {
    /// Narrow groups: every value of x is a vector.
    case vector
    /// A wide group with one vector of slopes, or two.
    case broadcast, pair
  }

  /// Adds Σ dy · x for `count` values of x that lie side by side.
  func add(
    _ x: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, count: Int, kind: Kind,
    to target: UnsafeMutablePointer<Float>
  ) {
    switch count {
    case 1: add(x, slopes, kind, to: target, One.self)
    case 2: add(x, slopes, kind, to: target, Two.self)
    case 3: add(x, slopes, kind, to: target, Three.self)
    case 4: add(x, slopes, kind, to: target, Four.self)
    case 5: add(x, slopes, kind, to: target, Five.self)
    case 6: add(x, slopes, kind, to: target, Six.self)
    default: add(x, slopes, kind, to: target, Seven.self)
    }
  }

  @inline(__always)
  private func add<Count: Literal>(
    _ x: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, _ kind: Kind,
    to target: UnsafeMutablePointer<Float>, _: Count.Type
  ) {
    switch kind {
    case .vector: addVectors(x, slopes, to: target, Count.self)
    case .broadcast: addBroadcasts(x, slopes, to: target, Count.self)
    case .pair: addPairs(x, slopes, to: target, Count.self)
    }
  }

  @inline(never)
  private func addVectors<Count: Literal>(
    _ x: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, to target: UnsafeMutablePointer<Float>,
    _: Count.Type
  ) {
    var sums = SevenLanes(repeating: Lanes(repeating: 0))
    forEachPixel(x, slopes, width: 16) { x, slope in
      sums.addProducts(slope.lanes(at: 0), count: Count.value) { x.lanes(at: $0 * 16) }
    }
    sums.visit(Count.value) { target.store(target.lanes(at: $0 * 16) + $1, at: $0 * 16) }
  }

  @inline(never)
  private func addBroadcasts<Count: Literal>(
    _ x: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, to target: UnsafeMutablePointer<Float>,
    _: Count.Type
  ) {
    var sums = SevenLanes(repeating: Lanes(repeating: 0))
    forEachPixel(x, slopes, width: 16) { x, slope in
      sums.addProducts(slope.lanes(at: 0), count: Count.value) { Lanes(repeating: x[$0]) }
    }
    sums.visit(Count.value) { target.store(target.lanes(at: $0 * 16) + $1, at: $0 * 16) }
  }

  @inline(never)
  private func addPairs<Count: Literal>(
    _ x: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, to target: UnsafeMutablePointer<Float>,
    _: Count.Type
  ) {
    var low = SevenLanes(repeating: Lanes(repeating: 0)), high = low
    forEachPixel(x, slopes, width: 32) { x, slope in
      low.addProducts(slope.lanes(at: 0), count: Count.value) { Lanes(repeating: x[$0]) }
      high.addProducts(slope.lanes(at: 16), count: Count.value) { Lanes(repeating: x[$0]) }
    }
    low.visit(Count.value) { target.store(target.lanes(at: $0 * 32) + $1, at: $0 * 32) }
    high.visit(Count.value) { target.store(target.lanes(at: $0 * 32 + 16) + $1, at: $0 * 32 + 16) }
  }

  @inline(__always)
  private func forEachPixel(
    _ x: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, width: Int,
    _ body: (_ x: UnsafeMutablePointer<Float>, _ slope: UnsafeMutablePointer<Float>) -> Void
  ) {
    var slope = slopes
    for row in 0..<rows {
      var x = x + row * rowPitch
      for _ in 0..<columns {
        body(x, slope)
        x += step
        slope += width
      }
    }
  }
}
