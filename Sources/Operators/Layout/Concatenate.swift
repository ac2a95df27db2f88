import Compute

/// Tensors one after another along an axis; any number of them, equal along all other axes.
public struct Concatenate: Operator {
  public let axis: Int

  /// - Parameter axis: a negative one counts from the end.
  public init(along axis: Int) { self.axis = axis }

  public var name: String { "concatenate" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    guard let first = inputs.first else { throw ShapeError("cannot concatenate nothing: wanted at least one tensor") }
    let axis = try first.resolved(axis, to: "concatenate")
    var result = first
    for shape in inputs.dropFirst() {
      var fitting = shape
      if fitting.rank == first.rank { fitting[axis] = first[axis] }
      guard fitting == first else {
        throw ShapeError("cannot concatenate \(first) and \(shape) along axis \(axis): all other extents must be equal")
      }
      result[axis] += shape[axis]
    }
    return [result]
  }

  public var keeps: Kept { .nothing }

  public var isCheapToRepeat: Bool { true }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let result = call.outputs[0].shape, axis = axis < 0 ? result.rank + axis : axis
    let outer = result.count(over: 0..<axis), width = result.count(over: axis..<result.rank)
    let y = call.outputs[0].pointer
    var offset = 0
    for index in 0..<call.inputs.count {
      if index % 16 == 15 { worker.barrier() }  // at most 16 loops may be open
      let own = call.inputs[index].count / outer
      worker.copyRows(outer, width: own, from: call.inputs[index].pointer, stride: own, to: y + offset, stride: width)
      offset += own
    }
  }

  /// dx[k] = the part of dy that came from x[k].
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0] else { return }
    let result = dy.shape, axis = axis < 0 ? result.rank + axis : axis
    let outer = result.count(over: 0..<axis), width = result.count(over: axis..<result.rank)
    var offset = 0
    for index in 0..<call.inputs.count {
      if index % 16 == 15 { worker.barrier() }
      let own = call.inputs[index].count / outer
      if let dx = call.inputGradients[index] {
        worker.putRows(outer, width: own, from: dy.pointer + offset, stride: width, to: dx, offset: 0, stride: own)
      }
      offset += own
    }
  }
}
