import Compute

/// The sums of up to seven neighbouring outputs of a depth-wise convolution over all channels.
///
/// Seven sums stay in registers, one tap after the other: with the taps written out the compiler keeps the pixels that
/// several of them read, for which AVX2 has no registers left. A run at the edge of an image reads zeros beyond it, and
/// outputs beyond the row are computed and forgotten: one output at a time takes four times as long, and of a row of
/// seven or fourteen pixels half or more are such. While a row is computed the next is asked for: memory is walked in
/// strips of seven pixels by sixteen channels, which the processor's own prefetching does not follow.
struct DepthwiseRun {
  /// The outputs of the run: up to seven.
  let count: Int
  private let isSingle: Bool
  private let advance: Int
  /// Floats from one output of the run to the next, and to the next row of outputs.
  private let pitch: Int, nextRow: Int
  private let channels: Int
  private let rows: Int, columns: Int
  /// Floats from the image's and the filters' start to the first tap, and from tap to tap.
  private let source: Int, filter: Int
  private let sourceRow: Int, sourceColumn: Int, filterRow: Int, filterColumn: Int
  /// The pixels inside the image, counted from the first tap of the first output.
  private let inside: Range<Int>
  /// A vector of zeros: what is read in place of pixels outside.
  private let zeros: UnsafeMutablePointer<Float>

  /// - Parameters:
  ///   - columns: the taps of the first output; inside the image all of them where `count` is one.
  ///   - count: how many outputs; of a run of several, taps may be outside the image.
  init(
    _ rows: TapRun, _ columns: TapRun, count: Int, _ axis: TapAxis, kernelWidth: Int, channels: Int,
    zeros: UnsafeMutablePointer<Float>
  ) {
    let width = axis.sources
    (self.count, self.channels, self.zeros) = (count, channels, zeros)
    (isSingle, advance) = (count == 1, axis.advance)
    (pitch, nextRow) = (axis.phases * channels, axis.outputs * channels)
    (self.rows, self.columns) = (columns.count == 0 ? 0 : rows.count, columns.count)
    source = (rows.source * width + columns.source) * channels
    filter = (rows.first * kernelWidth + columns.first) * channels
    (sourceRow, sourceColumn) = (rows.sourceStep * width * channels, columns.sourceStep * channels)
    (filterRow, filterColumn) = (rows.step * kernelWidth * channels, columns.step * channels)
    inside = max(-columns.source, 0)..<max(width - columns.source, 0)
  }

  /// Whether seven outputs are wanted and all their taps are inside the image.
  private var isWhole: Bool { count == 7 && inside.lowerBound == 0 && inside.upperBound >= 6 * advance + columns }

  /// y = b + Σ w · x.
  func correlate(
    _ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    into target: GradientTarget, at place: Int
  ) {
    switch (isSingle ? 0 : advance, isWhole) {
    case (0, _): correlate(x, w, bias, into: target, at: place, One.self, One.self, Whole.self)
    case (1, true): correlate(x, w, bias, into: target, at: place, Seven.self, One.self, Whole.self)
    case (1, false): correlate(x, w, bias, into: target, at: place, Seven.self, One.self, Cut.self)
    case (_, true): correlate(x, w, bias, into: target, at: place, Seven.self, Two.self, Whole.self)
    case (_, false): correlate(x, w, bias, into: target, at: place, Seven.self, Two.self, Cut.self)
    }
  }

  @inline(never)
  private func correlate<Outputs: Literal, Advance: Literal, Edges: RunEdges>(
    _ x: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    into target: GradientTarget, at place: Int, _: Outputs.Type, _: Advance.Type, _: Edges.Type
  ) {
    let distance = Outputs.value == 1 ? sourceColumn : channels, zero = Lanes(repeating: 0)
    for channel in stride(from: 0, to: channels, by: 16) {
      var sums = SevenLanes(repeating: bias.map { $0.lanes(at: channel) } ?? zero)
      var x = x + source + channel, w = w + filter + channel
      for _ in 0..<rows {
        for tap in 0..<columns {
          let weights = w.lanes(at: tap * filterColumn), last = tap + (Outputs.value - 1) * Advance.value
          if !Edges.areCut || tap >= inside.lowerBound && last < inside.upperBound {
            sums.addProducts(weights, count: Outputs.value) { x.lanes(at: (tap + $0 * Advance.value) * distance) }
          } else {
            sums.addProducts(weights, count: Outputs.value) {
              pixel(tap + $0 * Advance.value, of: x, distance, Edges.self).lanes(at: 0)
            }
          }
        }
        x += sourceRow
        w += filterRow
      }
      sums.visit(Outputs.value) { output, sum in
        if isWanted(output, Edges.self) { target.put(sum, at: place + output * pitch + channel) }
      }
      for output in 0..<Outputs.value where isWanted(output, Edges.self) {
        target.pointer.prefetchForWriting(at: place + output * pitch + nextRow + channel)
      }
      prefetchSources(x, distance, Outputs.self, Advance.self)
    }
  }

  /// Adds Σ dy · x to every tap's sum.
  func addProducts(
    _ x: UnsafeMutablePointer<Float>, _ dy: UnsafeMutablePointer<Float>, to sums: UnsafeMutablePointer<Float>
  ) {
    switch columns {
    case 0, 1: addProducts(x, dy, to: sums, One.self)
    case 2: addProducts(x, dy, to: sums, Two.self)
    case 3: addProducts(x, dy, to: sums, Three.self)
    case 4: addProducts(x, dy, to: sums, Four.self)
    default: addProducts(x, dy, to: sums, Five.self)
    }
  }

  private func addProducts<Taps: Literal>(
    _ x: UnsafeMutablePointer<Float>, _ dy: UnsafeMutablePointer<Float>, to sums: UnsafeMutablePointer<Float>,
    _: Taps.Type
  ) {
    switch (isSingle ? 0 : advance, isWhole) {
    case (0, _): addProducts(x, dy, to: sums, Taps.self, One.self, One.self, Whole.self)
    case (1, true): addProducts(x, dy, to: sums, Taps.self, Seven.self, One.self, Whole.self)
    case (1, false): addProducts(x, dy, to: sums, Taps.self, Seven.self, One.self, Cut.self)
    case (_, true): addProducts(x, dy, to: sums, Taps.self, Seven.self, Two.self, Whole.self)
    case (_, false): addProducts(x, dy, to: sums, Taps.self, Seven.self, Two.self, Cut.self)
    }
  }

  @inline(never)
  private func addProducts<Taps: Literal, Outputs: Literal, Advance: Literal, Edges: RunEdges>(
    _ x: UnsafeMutablePointer<Float>, _ dy: UnsafeMutablePointer<Float>, to sums: UnsafeMutablePointer<Float>,
    _: Taps.Type, _: Outputs.Type, _: Advance.Type, _: Edges.Type
  ) {
    let distance = Outputs.value == 1 ? sourceColumn : channels
    for channel in stride(from: 0, to: channels, by: 16) {
      var x = x + source + channel, place = sums + filter + channel
      let dy = dy + channel
      for _ in 0..<rows {
        var products = SevenLanes(repeating: Lanes(repeating: 0))
        for output in 0..<Outputs.value where isWanted(output, Edges.self) {
          products.addProducts(dy.lanes(at: output * channels), count: Taps.value) {
            pixel($0 + output * Advance.value, of: x, distance, Edges.self).lanes(at: 0)
          }
        }
        products.visit(Taps.value) {
          place.store(place.lanes(at: $0 * filterColumn) + $1, at: $0 * filterColumn)
        }
        x += sourceRow
        place += filterRow
      }
      for output in 0..<Outputs.value { dy.prefetch(at: output * channels + nextRow) }
      prefetchSources(x, distance, Outputs.self, Advance.self)
    }
  }

  /// Where pixel `index` of a row of taps lies, or zeros if that is outside the image.
  @inline(__always)
  private func pixel<Edges: RunEdges>(
    _ index: Int, of x: UnsafeMutablePointer<Float>, _ distance: Int, _: Edges.Type
  ) -> UnsafeMutablePointer<Float> {
    Edges.areCut && !(index >= inside.lowerBound && index < inside.upperBound) ? zeros : x + index * distance
  }

  @inline(__always)
  private func isWanted<Edges: RunEdges>(_ output: Int, _: Edges.Type) -> Bool { !Edges.areCut || output < count }

  /// Asks for what the next row of outputs reads first: the rows from `x` on.
  @inline(__always)
  private func prefetchSources<Outputs: Literal, Advance: Literal>(
    _ x: UnsafeMutablePointer<Float>, _ distance: Int, _: Outputs.Type, _: Advance.Type
  ) {
    for row in 0..<Advance.value {
      for place in 0..<Outputs.value * Advance.value { x.prefetch(at: row * sourceRow + place * distance) }
    }
  }
}

/// Whether a run of outputs may reach beyond its row, known when a kernel is compiled.
private protocol RunEdges { static var areCut: Bool { get } }
private enum Whole: RunEdges { static var areCut: Bool { false } }
private enum Cut: RunEdges { static var areCut: Bool { true } }
