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

  /// Visits the outputs of a row: by seven, or one by one where no kernel takes their taps and at a row's end.
  @inline(__always)
  private func forEachRun(along plane: TapPlane, row: Int, _ body: (_ run: DepthwiseRun, _ output: Int) -> Void) {
    let rows = plane.rows.inside(plane.rows.taps(of: row)), columns = plane.columns
    withUnsafeTemporaryAllocation(of: Lanes.self, capacity: 1) { outside in
      outside.initialize(repeating: Lanes(repeating: 0))
      let zeros = UnsafeMutableRawPointer(outside.baseAddress!).assumingMemoryBound(to: Float.self)
      for phase in 0..<min(columns.phases, columns.outputs) {
        var output = phase
        while output < columns.outputs {
          let taps = columns.taps(of: output), left = (columns.outputs - 1 - output) / columns.phases + 1
          // Sums that nobody wants cost as much as the others.
          let isRun = left > 2 && taps.sourceStep == 1 && columns.advance <= 2 && (1...5).contains(taps.count)
          let run = DepthwiseRun(
            rows, isRun ? taps : columns.inside(taps), count: isRun ? min(left, 7) : 1, columns,
            kernelWidth: kernelWidth, channels: channels, zeros: zeros)
          body(run, output)
          output += run.count * columns.phases
        }
      }
    }
  }
}
