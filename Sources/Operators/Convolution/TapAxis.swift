/// How the sum of a convolution runs along one axis: which taps of the filter reach an output, and what each reads.
///
/// The forward pass reads x at i s + t d - p. The data gradient asks the other way round: tap t carries to input i the
/// slope at (i + p - t d) / s, where that is a whole number. Both are arithmetic progressions, so one kernel does both.
struct TapAxis {
  let outputs: Int
  let sources: Int
  private let taps: Int
  private let stride: Int, padding: Int, dilation: Int
  private let turnsBack: Bool
  /// Outputs this many apart are reached by the same taps, and read `advance` sources further on.
  let phases: Int
  let advance: Int
  private let tapStep: Int
  /// From the source of one tap to that of the next that reaches the same output.
  let sourceStep: Int

  /// The forward pass from `inputs` to `outputs`, or with `turnsBack` the data gradient from the outputs to the inputs.
  init(inputs: Int, outputs: Int, taps: Int, stride: Int, padding: Int, dilation: Int, turnsBack: Bool) {
    (self.outputs, sources) = turnsBack ? (inputs, outputs) : (outputs, inputs)
    (self.taps, self.stride, self.padding, self.dilation) = (taps, stride, padding, dilation)
    self.turnsBack = turnsBack
    (phases, advance) = turnsBack ? (stride, 1) : (1, stride)
    var (common, rest) = (stride, dilation)
    while rest != 0 { (common, rest) = (rest, common % rest) }
    (tapStep, sourceStep) = turnsBack ? (stride / common, dilation / common) : (1, dilation)
  }

  /// The taps that reach `output` in an image without end, by the place that they read.
  func taps(of output: Int) -> TapRun {
    guard turnsBack else {
      return TapRun(
        first: 0, step: 1, count: taps, source: output * stride - padding, sourceStep: sourceStep)
    }
    var first = 0
    while first < tapStep && (output + padding - first * dilation) % stride != 0 { first += 1 }
    let count = first < tapStep ? max(0, (taps - first + tapStep - 1) / tapStep) : 0
    let last = first + (count - 1) * tapStep
    return TapRun(
      first: last, step: -tapStep, count: count, source: (output + padding - last * dilation) / stride,
      sourceStep: sourceStep)
  }

  /// The tap of the forward pass by which `output` reads `source`, if one does.
  func tap(from output: Int, to source: Int) -> Int? {
    let (tap, rest) = (source + padding - output * stride).quotientAndRemainder(dividingBy: dilation)
    return rest == 0 && (0..<taps).contains(tap) ? tap : nil
  }

  /// Where a tap lies in packed filters: those that reach one output side by side, in the order of `taps(of:)`.
  func slot(of tap: Int) -> Int {
    guard turnsBack else { return tap }
    let (rank, residue) = tap.quotientAndRemainder(dividingBy: tapStep)
    let (most, longer) = taps.quotientAndRemainder(dividingBy: tapStep)
    let before = residue * most + min(residue, longer), count = most + (residue < longer ? 1 : 0)
    return before + count - 1 - rank
  }

  /// Those of `taps` that read inside the image.
  func inside(_ taps: TapRun) -> TapRun {
    var kept = taps
    while kept.count > 0 && !(0..<sources).contains(kept.source) {
      kept.first += kept.step
      kept.source += kept.sourceStep
      kept.count -= 1
    }
    while kept.count > 0 && !(0..<sources).contains(kept.lastSource) { kept.count -= 1 }
    return kept
  }

  /// The sources that outputs of a range read, those outside the image included.
  func reach(of range: Range<Int>) -> Range<Int> {
    let last = range.upperBound - 1, length = (taps - 1) * dilation
    guard turnsBack else { return range.lowerBound * stride - padding..<last * stride - padding + length + 1 }
    return (range.lowerBound + padding - length).floored(by: stride)..<(last + padding).floored(by: stride) + 1
  }

  /// The sources inside the image that outputs of a range read.
  func reachInside(of range: Range<Int>) -> Range<Int> { reach(of: range).clamped(to: 0..<sources) }
}

extension Int {
  /// self / divisor, rounded towards minus infinity.
  fileprivate func floored(by divisor: Int) -> Int { self >= 0 ? self / divisor : -((divisor - 1 - self) / divisor) }
}

/// Taps `first`, `first + step`, … of one axis, and the sources that they read.
struct TapRun {
  var first: Int
  let step: Int
  var count: Int
  var source: Int
  let sourceStep: Int

  var lastSource: Int { source + (count - 1) * sourceStep }
}

/// Both axes of a sum over taps, in one direction.
struct TapPlane {
  let rows: TapAxis
  let columns: TapAxis

  /// The pixels of the source under rows of outputs, with the padding around it.
  func reach(of outputs: Range<Int>) -> PixelRectangle {
    guard !outputs.isEmpty else { return PixelRectangle(rows: 0..<0, columns: 0..<0) }
    return PixelRectangle(rows: rows.reach(of: outputs), columns: columns.reach(of: 0..<columns.outputs))
  }
}

/// A rectangle of pixels, those outside the image included.
struct PixelRectangle {
  let rows: Range<Int>, columns: Range<Int>
  var count: Int { rows.count * columns.count }
}
