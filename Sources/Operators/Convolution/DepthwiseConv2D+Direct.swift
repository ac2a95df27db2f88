import Compute

/// Depth-wise sums on activations as they lie, for whole vectors of channels. A run of outputs takes all channels
/// before the next run begins, so that memory is read about as it lies; the rows above are still in cache.
extension DepthwiseGeometry {
  /// Puts rows of one image of outputs, or of the data gradient, into `target`.
  func correlateDirectly(
    _ source: UnsafeMutablePointer<Float>, _ filters: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    along plane: TapPlane, image: Int, rows range: Range<Int>, into target: GradientTarget
  ) {
    let rows = plane.rows, columns = plane.columns
    let source = source + image * rows.sources * columns.sources * channels
    for row in range {
      let start = (image * rows.outputs + row) * columns.outputs
      forEachRun(along: plane, row: row) { run, output in
        run.correlate(source, filters, bias, into: target, at: (start + output) * channels)
      }
    }
  }

  /// Adds the products of rows of one image's slopes with x to filter gradients `[kh, kw, C]`.
  func addDirectProducts(
    _ x: UnsafeMutablePointer<Float>, _ dy: UnsafeMutablePointer<Float>, image: Int, rows range: Range<Int>,
    to sums: UnsafeMutablePointer<Float>
  ) {
    let rows = forward.rows, columns = forward.columns
    let source = x + image * rows.sources * columns.sources * channels
    for row in range {
      let start = (image * rows.outputs + row) * columns.outputs
      forEachRun(along: forward, row: row) { run, output in
        run.addProducts(source, dy + (start + output) * channels, to: sums)
      }
    }
  }

  /// Visits the outputs of a row: by seven where all taps are inside the image, else one by one.
  @inline(__always)
  private func forEachRun(along plane: TapPlane, row: Int, _ body: (_ run: DepthwiseRun, _ output: Int) -> Void) {
    let rows = plane.rows.inside(plane.rows.taps(of: row)), columns = plane.columns
    for phase in 0..<min(columns.phases, columns.outputs) {
      var output = phase
      while output < columns.outputs {
        let all = columns.taps(of: output)
        let isSeven =
          all.sourceStep == 1 && columns.advance <= 2 && (1...5).contains(all.count)
          && columns.run(from: output, all, limit: 7) == 7
        let run = DepthwiseRun(
          rows, isSeven ? all : columns.inside(all), count: isSeven ? 7 : 1, columns, kernelWidth: kernelWidth,
          channels: channels)
        body(run, output)
        output += run.count * columns.phases
      }
    }
  }
}

/// The sums of seven neighbouring outputs, or of one, over all channels.
///
/// Distances of taps and outputs are literal multiples of a pixel, so that the compiler loads what several outputs read
/// but once: 27 loads for the 63 multiply-adds of seven 3x3 sums. While a row is computed the next is asked for: memory
/// is walked in strips of seven pixels by sixteen channels, which the processor's own prefetching does not follow.
private struct DepthwiseRun {
  let count: Int
  private let advance: Int
  /// Floats from one output of the run to the next, and to the next row of outputs.
  private let pitch: Int, nextRow: Int
  private let channels: Int
  private let rows: Int, columns: Int
  /// Floats from the image's and the filters' start to the first tap, and from tap to tap.
  private let source: Int, filter: Int
  private let sourceRow: Int, sourceColumn: Int, filterRow: Int, filterColumn: Int

  init(
    _ rows: TapRun, _ columns: TapRun, count: Int, _ axis: TapAxis, kernelWidth: Int, channels: Int
  ) {
    let width = axis.sources
    (self.count, self.channels, advance) = (count, channels, axis.advance)
    (pitch, nextRow) = (axis.phases * channels, axis.outputs * channels)
    (self.rows, self.columns) = (columns.count == 0 ? 0 : rows.count, columns.count)
    source = (rows.source * width + columns.source) * channels
    filter = (rows.first * kernelWidth + columns.first) * channels
    (sourceRow, sourceColumn) = (rows.sourceStep * width * channels, columns.sourceStep * channels)
    (filterRow, filterColumn) = (rows.step * kernelWidth * channels, columns.step * channels)
  }

  /// y = b + Σ w · x.
  func correlate(
    _ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    into target: GradientTarget, at place: Int
  ) {
    switch (columns, count == 1 ? 0 : advance) {
    case (0, _), (1, 0): correlate(x, w, bias, into: target, at: place, One.self, One.self, One.self)
    case (2, 0): correlate(x, w, bias, into: target, at: place, One.self, One.self, Two.self)
    case (3, 0): correlate(x, w, bias, into: target, at: place, One.self, One.self, Three.self)
    case (4, 0): correlate(x, w, bias, into: target, at: place, One.self, One.self, Four.self)
    case (5, 0): correlate(x, w, bias, into: target, at: place, One.self, One.self, Five.self)
    case (1, 1): correlate(x, w, bias, into: target, at: place, Seven.self, One.self, One.self)
    case (2, 1): correlate(x, w, bias, into: target, at: place, Seven.self, One.self, Two.self)
    case (3, 1): correlate(x, w, bias, into: target, at: place, Seven.self, One.self, Three.self)
    case (4, 1): correlate(x, w, bias, into: target, at: place, Seven.self, One.self, Four.self)
    case (5, 1): correlate(x, w, bias, into: target, at: place, Seven.self, One.self, Five.self)
    case (1, _): correlate(x, w, bias, into: target, at: place, Seven.self, Two.self, One.self)
    case (2, _): correlate(x, w, bias, into: target, at: place, Seven.self, Two.self, Two.self)
    case (3, _): correlate(x, w, bias, into: target, at: place, Seven.self, Two.self, Three.self)
    case (4, _): correlate(x, w, bias, into: target, at: place, Seven.self, Two.self, Four.self)
    default: correlate(x, w, bias, into: target, at: place, Seven.self, Two.self, Five.self)
    }
  }

  @inline(never)
  private func correlate<Outputs: Literal, Advance: Literal, Taps: Literal>(
    _ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    into target: GradientTarget, at place: Int, _: Outputs.Type, _: Advance.Type, _: Taps.Type
  ) {
    let pixel = Outputs.value == 1 ? sourceColumn : channels, zero = Lanes(repeating: 0)
    for channel in stride(from: 0, to: channels, by: 16) {
      var sums = SevenLanes(repeating: bias.map { $0.lanes(at: channel) } ?? zero)
      var x = x + source + channel, w = w + filter + channel
      for _ in 0..<rows {
        for tap in 0..<Taps.value {
          sums.addProducts(w.lanes(at: tap * filterColumn), count: Outputs.value) {
            x.lanes(at: (tap + $0 * Advance.value) * pixel)
          }
        }
        x += sourceRow
        w += filterRow
      }
      sums.visit(Outputs.value) { target.put($1, at: place + $0 * pitch + channel) }
      for output in 0..<Outputs.value {
        target.pointer.prefetchForWriting(at: place + output * pitch + nextRow + channel)
      }
      prefetchSources(x, pixel, Outputs.self, Advance.self)
    }
  }

  /// Adds Σ dy · x to every tap's sum.
  func addProducts(
    _ x: UnsafeMutablePointer<Float>, _ dy: UnsafeMutablePointer<Float>, to sums: UnsafeMutablePointer<Float>
  ) {
    switch (columns, count == 1 ? 0 : advance) {
    case (0, _), (1, 0): addProducts(x, dy, to: sums, One.self, One.self, One.self)
    case (2, 0): addProducts(x, dy, to: sums, One.self, One.self, Two.self)
    case (3, 0): addProducts(x, dy, to: sums, One.self, One.self, Three.self)
    case (4, 0): addProducts(x, dy, to: sums, One.self, One.self, Four.self)
    case (5, 0): addProducts(x, dy, to: sums, One.self, One.self, Five.self)
    case (1, 1): addProducts(x, dy, to: sums, Seven.self, One.self, One.self)
    case (2, 1): addProducts(x, dy, to: sums, Seven.self, One.self, Two.self)
    case (3, 1): addProducts(x, dy, to: sums, Seven.self, One.self, Three.self)
    case (4, 1): addProducts(x, dy, to: sums, Seven.self, One.self, Four.self)
    case (5, 1): addProducts(x, dy, to: sums, Seven.self, One.self, Five.self)
    case (1, _): addProducts(x, dy, to: sums, Seven.self, Two.self, One.self)
    case (2, _): addProducts(x, dy, to: sums, Seven.self, Two.self, Two.self)
    case (3, _): addProducts(x, dy, to: sums, Seven.self, Two.self, Three.self)
    case (4, _): addProducts(x, dy, to: sums, Seven.self, Two.self, Four.self)
    default: addProducts(x, dy, to: sums, Seven.self, Two.self, Five.self)
    }
  }

  @inline(never)
  private func addProducts<Outputs: Literal, Advance: Literal, Taps: Literal>(
    _ x: UnsafeMutablePointer<Float>, _ dy: UnsafeMutablePointer<Float>, to sums: UnsafeMutablePointer<Float>,
    _: Outputs.Type, _: Advance.Type, _: Taps.Type
  ) {
    let pixel = Outputs.value == 1 ? sourceColumn : channels
    for channel in stride(from: 0, to: channels, by: 16) {
      var x = x + source + channel, place = sums + filter + channel
      let dy = dy + channel
      for _ in 0..<rows {
        var products = SevenLanes(repeating: Lanes(repeating: 0))
        for output in 0..<Outputs.value {
          products.addProducts(dy.lanes(at: output * channels), count: Taps.value) {
            x.lanes(at: ($0 + output * Advance.value) * pixel)
          }
        }
        products.visit(Taps.value) {
          place.store(place.lanes(at: $0 * filterColumn) + $1, at: $0 * filterColumn)
        }
        x += sourceRow
        place += filterRow
      }
      for output in 0..<Outputs.value { dy.prefetch(at: output * channels + nextRow) }
      prefetchSources(x, pixel, Outputs.self, Advance.self)
    }
  }

  /// Asks for what the next row of outputs reads first: the rows from `x` on.
  @inline(__always)
  private func prefetchSources<Outputs: Literal, Advance: Literal>(
    _ x: UnsafeMutablePointer<Float>, _ pixel: Int, _: Outputs.Type, _: Advance.Type
  ) {
    for row in 0..<Advance.value {
      for place in 0..<Outputs.value * Advance.value { x.prefetch(at: row * sourceRow + place * pixel) }
    }
  }
}
