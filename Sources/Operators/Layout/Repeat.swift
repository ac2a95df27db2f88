import Compute

/// A tensor whose extents of 1 are repeated to those of a larger shape, y[i] = x[i where x is as long, else 0]: one
/// filter for every channel, one token for every sample.
///
/// Extents are equal or 1; both shapes have the same rank. What is repeated is small (a filter, a token), so both
/// passes go element by element.
public struct Repeat: Operator {
  public let shape: Shape

  /// - Parameter shape: the shape of the result.
  public init(to shape: Shape) { self.shape = shape }

  public var name: String { "repeat" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    guard inputs[0].rank == shape.rank, Shape.broadcast(inputs[0], shape) == shape else {
      throw ShapeError("cannot repeat \(inputs[0]) to \(shape): extents must be equal or 1 before")
    }
    return [shape]
  }

  public var keeps: Kept { .nothing }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let x = call.inputs[0], y = call.outputs[0]
    let source = StridedAxes(of: x.shape, broadcastTo: y.shape, axes: 0..<y.shape.rank)
    for range in worker.ranges(y.count, by: 16_384) {
      for index in range { y.pointer[index] = x.pointer[source.offset(of: index)] }
    }
  }

  /// dx = Σ dy over the places that an element was repeated to.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0] else { return }
    let x = call.inputs[0].shape
    let own = StridedAxes(dy.shape) { x[$0] == dy.shape[$0] }
    let repeated = StridedAxes(dy.shape) { x[$0] != dy.shape[$0] }
    for range in worker.ranges(own.count, by: max(1, 4_096 / repeated.count)) {
      for element in range {
        let start = own.offset(of: element)
        var total = 0.0
        for step in 0..<repeated.count { total += Double(dy.pointer[start + repeated.offset(of: step)]) }
        dx.put(Float(total), at: element)
      }
    }
  }
}
