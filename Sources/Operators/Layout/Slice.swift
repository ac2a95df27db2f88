import Compute

/// Neighbouring elements along one axis, y = x[…, start ..< start + length, …].
public struct Slice: Operator {
  public let axis: Int
  public let start: Int
  public let length: Int

  /// - Parameter axis: a negative one counts from the end.
  public init(along axis: Int, start: Int, length: Int) {
    self.axis = axis
    self.start = start
    self.length = length
  }

  public var name: String { "slice" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let axis = try inputs[0].resolved(axis, to: "slice")
    guard start >= 0, length > 0, start + length <= inputs[0][axis] else {
      throw ShapeError(
        "cannot slice \(inputs[0]) along axis \(axis): wanted elements \(start) ..< \(start + length) "
          + "of \(inputs[0][axis])")
    }
    var result = inputs[0]
    result[axis] = length
    return [result]
  }

  public var keeps: Kept { .nothing }

  public var isCheapToRepeat: Bool { true }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let rows = rows(of: call.inputs[0].shape)
    worker.copyRows(
      rows.count, width: rows.width, from: call.inputs[0].pointer + rows.before, stride: rows.stride,
      to: call.outputs[0].pointer, stride: rows.width)
  }

  /// dx = dy inside the slice, 0 outside.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0]?.pointer else { return }
    let rows = rows(of: call.inputs[0].shape)
    if !dx.accumulates {
      let end = rows.before + rows.width
      worker.zeroRows(rows.count, width: rows.before, dx.pointer, stride: rows.stride)
      worker.zeroRows(rows.count, width: rows.stride - end, dx.pointer + end, stride: rows.stride)
    }
    worker.putRows(
      rows.count, width: rows.width, from: dy, stride: rows.width, to: dx, offset: rows.before, stride: rows.stride)
  }

  /// The slice as rows of the input: how many, how long, how far apart, and what lies before the first.
  private func rows(of shape: Shape) -> (count: Int, width: Int, stride: Int, before: Int) {
    let axis = axis < 0 ? shape.rank + axis : axis
    let inner = shape.stride(of: axis)
    return (shape.count(over: 0..<axis), length * inner, shape[axis] * inner, start * inner)
  }
}
