import Compute
import Glibc

/// Softmax along one axis, y = e^x / Σ e^x, or its logarithm, y = x - log Σ e^x; any shape.
///
/// The largest x is subtracted first, so nothing overflows.
public struct Softmax: Operator {
  /// The axis that is normalised; negative counts from the end.
  public let axis: Int
  /// Whether y is the logarithm.
  public let logarithmic: Bool

  public init(axis: Int = -1, logarithmic: Bool = false) {
    self.axis = axis
    self.logarithmic = logarithmic
  }

  public var name: String { logarithmic ? "log_softmax" : "softmax" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    guard axis >= -inputs[0].rank && axis < inputs[0].rank else {
      throw ShapeError("cannot \(name) \(inputs[0]) along axis \(axis): wanted \(-inputs[0].rank)..<\(inputs[0].rank)")
    }
    return [inputs[0]]
  }

  public var keeps: Kept { Kept(outputs: [0]) }

  public var inPlace: InPlace { InPlace(forward: 0, backward: 0) }

  public var isCheapToRepeat: Bool { true }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let x = UnsafePointer(call.inputs[0].pointer), y = call.outputs[0].pointer
    let (length, inner) = extents(call.inputs[0].shape)
    if inner == 1 {
      for rows in worker.ranges(call.inputs[0].count / length, by: max(1, 16_384 / length)) {
        for row in rows { forward(x + row * length, y + row * length, length) }
      }
    } else {
      for tile in worker.tiles(slices(call.inputs[0].count, length, inner)) {
        forward(x, y, slice(tile, length, inner), length, stride: inner)
      }
    }
  }

  /// dx = y (dy - Σ dy y); of the logarithm, dx = dy - e^y Σ dy.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let gradient = call.outputGradients[0]?.pointer else { return }
    let y = UnsafePointer(call.outputs[0].pointer), dy = UnsafePointer(gradient)
    let (length, inner) = extents(call.outputs[0].shape)
    if inner == 1 {
      for rows in worker.ranges(call.outputs[0].count / length, by: max(1, 16_384 / length)) {
        for row in rows { backward(y + row * length, dy + row * length, dx, row * length, length) }
      }
    } else {
      for tile in worker.tiles(slices(call.outputs[0].count, length, inner)) {
        backward(y, dy, dx, slice(tile, length, inner), length, stride: inner)
      }
    }
  }

  /// The extent of the axis, and the number of elements inside one step along it.
  private func extents(_ shape: Shape) -> (length: Int, inner: Int) {
    let axis = axis < 0 ? shape.rank + axis : axis
    return (shape[axis], shape.count(over: axis + 1..<shape.rank))
  }

  @inline(__always)
  private func forward(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ length: Int) {
    let row = LaneRow(length)
    let largest = row.largest(of: x)
    if logarithmic {
      let sum = row.sum { at, count in (x.lanes(at: at, first: count, fill: -.infinity) - largest).boundedExponential }
      let logarithm = log(sum)
      row.visit { at, count in y.store(x.lanes(at: at, first: count) - largest - logarithm, at: at, first: count) }
    } else {
      let sum = row.sum { at, count in
        let power = (x.lanes(at: at, first: count, fill: -.infinity) - largest).boundedExponential
        y.store(power, at: at, first: count)
        return power
      }
      let scale = 1 / sum
      row.visit { at, count in y.store(y.lanes(at: at, first: count) * scale, at: at, first: count) }
    }
  }

  @inline(__always)
  private func backward(
    _ y: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ dx: GradientTarget, _ start: Int, _ length: Int
  ) {
    let row = LaneRow(length)
    if logarithmic {
      let sum = row.sum { at, count in dy.lanes(at: at, first: count) }
      row.visit { at, count in
        let slope = dy.lanes(at: at, first: count) - y.lanes(at: at, first: count).boundedExponential * sum
        dx.put(slope, at: start + at, first: count)
      }
    } else {
      let sum = row.sum { at, count in dy.lanes(at: at, first: count) * y.lanes(at: at, first: count) }
      row.visit { at, count in
        let slope = y.lanes(at: at, first: count) * (dy.lanes(at: at, first: count) - sum)
        dx.put(slope, at: start + at, first: count)
      }
    }
  }

  /// Up to sixteen neighbours inside an axis that is not the last, treated side by side.
  private struct Slice {
    /// The flat index of their first step along the axis, and how many they are.
    let start, count: Int
  }

  /// The number of slices; tile by tile they are `slice(_:_:_:)`.
  private func slices(_ count: Int, _ length: Int, _ inner: Int) -> Int {
    count / (length * inner) * ((inner + 15) / 16)
  }

  @inline(__always)
  private func slice(_ tile: Int, _ length: Int, _ inner: Int) -> Slice {
    let across = (inner + 15) / 16, column = tile % across * 16
    return Slice(start: tile / across * length * inner + column, count: min(16, inner - column))
  }

  @inline(__always)
  private func forward(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ slice: Slice, _ length: Int, stride: Int
  ) {
    let end = slice.start + length * stride, count = slice.count
    var largest = x.lanes(at: slice.start, first: count), at = slice.start + stride
    while at < end {
      let lanes = x.lanes(at: at, first: count)
      largest.replace(with: lanes, where: lanes .> largest)
      at += stride
    }
    var sum = Lanes(repeating: 0)
    at = slice.start
    while at < end {
      let power = (x.lanes(at: at, first: count) - largest).boundedExponential
      if !logarithmic { y.store(power, at: at, first: count) }
      sum += power
      at += stride
    }
    if logarithmic { for lane in 0..<count { sum[lane] = log(sum[lane]) } }
    let scale = 1 / sum
    at = slice.start
    while at < end {
      let value =
        logarithmic ? x.lanes(at: at, first: count) - largest - sum : y.lanes(at: at, first: count) * scale
      y.store(value, at: at, first: count)
      at += stride
    }
  }

  @inline(__always)
  private func backward(
    _ y: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ dx: GradientTarget, _ slice: Slice, _ length: Int,
    stride: Int
  ) {
    let end = slice.start + length * stride, count = slice.count
    var sum = Lanes(repeating: 0), at = slice.start
    while at < end {
      sum += logarithmic ? dy.lanes(at: at, first: count) : dy.lanes(at: at, first: count) * y.lanes(at: at, first: count)
      at += stride
    }
    at = slice.start
    while at < end {
      let value = y.lanes(at: at, first: count), slope = dy.lanes(at: at, first: count)
      dx.put(logarithmic ? slope - value.boundedExponential * sum : value * (slope - sum), at: at, first: count)
      at += stride
    }
  }
}

extension LaneRow {
  /// The largest element of the row.
  @inline(__always)
  func largest(of x: UnsafePointer<Float>) -> Float {
    var largest = Lanes(repeating: -.infinity)
    visit { at, count in
      let lanes = x.lanes(at: at, first: count, fill: -.infinity)
      largest.replace(with: lanes, where: lanes .> largest)
    }
    return largest.largest
  }
}
