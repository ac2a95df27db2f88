import Compute

/// Zeros around a tensor, a number of them before and after each axis.
public struct Pad: Operator {
  /// The zeros on either side of one axis.
  public struct Margin: Hashable, Sendable {
    public let before: Int
    public let after: Int

    public init(before: Int, after: Int) {
      self.before = before
      self.after = after
    }
  }

  /// One for each axis.
  public let margins: [Margin]

  /// - Parameter margins: one for each axis, outermost first; at most eight.
  public init(_ margins: [Margin]) { self.margins = margins }

  /// Margins of the rows and columns of `[N, H, W, C]`.
  public init(top: Int, bottom: Int, left: Int, right: Int) {
    let none = Margin(before: 0, after: 0)
    self.init([none, Margin(before: top, after: bottom), Margin(before: left, after: right), none])
  }

  public var name: String { "pad" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    guard inputs[0].rank == margins.count else {
      throw ShapeError("cannot pad \(inputs[0]) with \(margins.count) margins: wanted one for each axis")
    }
    guard margins.allSatisfy({ $0.before >= 0 && $0.after >= 0 }) else {
      throw ShapeError("cannot pad \(inputs[0]) with a negative margin")
    }
    var result = inputs[0]
    for axis in 0..<result.rank { result[axis] += margins[axis].before + margins[axis].after }
    return [result]
  }

  public var keeps: Kept { .nothing }

  public var isCheapToRepeat: Bool { true }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let y = call.outputs[0].pointer, x = call.inputs[0].pointer
    let rows = PaddedRows(call.inputs[0].shape, call.outputs[0].shape, margins)
    for range in worker.ranges(rows.targetCount, by: max(1, 16_384 / rows.targetWidth)) {
      for row in range {
        let target = y + row * rows.targetWidth
        guard let source = rows.source(of: row) else {
          target.update(repeating: 0, count: rows.targetWidth)
          continue
        }
        target.update(repeating: 0, count: rows.before)
        (target + rows.before).update(from: x + source * rows.width, count: rows.width)
        (target + rows.before + rows.width).update(
          repeating: 0, count: rows.targetWidth - rows.before - rows.width)
      }
    }
  }

  /// dx = dy without its margins.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0]?.pointer else { return }
    let rows = PaddedRows(call.inputs[0].shape, call.outputs[0].shape, margins)
    for range in worker.ranges(rows.targetCount, by: max(1, 16_384 / rows.targetWidth)) {
      for row in range {
        guard let source = rows.source(of: row) else { continue }
        let from = row * rows.targetWidth + rows.before
        inLanes(0..<rows.width) { at, count in
          dx.put(dy.lanes(at: from + at, first: count), at: source * rows.width + at, first: count)
        }
      }
    }
  }
}

/// Rows along the last axis of a padded tensor, and where they come from.
private struct PaddedRows {
  let width: Int
  let targetWidth: Int
  let before: Int
  let targetCount: Int
  private let source: Shape
  private let target: Shape
  private var margins = SIMD8<Int>(repeating: 0)

  init(_ source: Shape, _ target: Shape, _ margins: [Pad.Margin]) {
    (self.source, self.target) = (source, target)
    for axis in 0..<source.rank { self.margins[axis] = margins[axis].before }
    width = source.channels
    targetWidth = target.channels
    before = margins[source.rank - 1].before
    targetCount = target.count(over: 0..<target.rank - 1)
  }

  /// The row that goes into the middle of a row of the result; `nil` where there is nothing but zeros.
  func source(of row: Int) -> Int? {
    var rest = row, result = 0, stride = 1
    var axis = target.rank - 2
    while axis >= 0 {
      let position = rest % target[axis] - margins[axis]
      guard position >= 0 && position < source[axis] else { return nil }
      result += position * stride
      stride *= source[axis]
      rest /= target[axis]
      axis -= 1
    }
    return result
  }
}
