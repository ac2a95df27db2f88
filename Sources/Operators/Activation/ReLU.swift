import Compute

/// Rectified linear unit, y = max(x, 0); any shape.
public struct ReLU: Operator {
  public init() {}

  public var name: String { "relu" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] { [inputs[0]] }

  public var keeps: Kept { Kept(outputs: [0]) }

  public var inPlace: InPlace { InPlace(forward: 0, backward: 0) }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let x = call.inputs[0].pointer, y = call.outputs[0].pointer
    worker.elements(call.outputs[0].count) { index in
      y.store(pointwiseMax(x.lanes(at: index), Lanes(repeating: 0)), at: index)
    } rest: { index in
      y[index] = max(x[index], 0)
    }
  }

  /// dx = dy where y > 0.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0]?.pointer else { return }
    let y = call.outputs[0].pointer
    worker.elements(call.outputs[0].count) { index in
      dx.put(dy.lanes(at: index).replacing(with: 0, where: y.lanes(at: index) .<= 0), at: index)
    } rest: { index in
      dx.put(y[index] > 0 ? dy[index] : 0, at: index)
    }
  }
}
