import Compute

/// A fully connected layer on the innermost axis: y[r, o] = b[o] + Σ_i w[o, i] · x[r, i].
///
/// Inputs: x `[..., I]`, weight `[O, I]`, optionally bias `[O]`; output `[..., O]`.
public struct Linear: Operator {
  public init() {}

  public var name: String { "linear" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let x = inputs[0], weight = inputs[1]
    guard x.rank >= 1, weight.rank == 2, weight[1] == x.channels else {
      throw ShapeError("cannot multiply \(x) with a weight of shape \(weight): wanted [O, \(x.channels)]")
    }
    if inputs.count > 2, inputs[2] != [weight[0]] {
      throw ShapeError("cannot add a bias of shape \(inputs[2]) to \(weight[0]) features")
    }
    var output = x
    output[-1] = weight[0]
    return [output]
  }

  public var keeps: Kept { Kept(inputs: [0, 1]) }

  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int { outputs[0].count * inputs[0].channels }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let weight = call.inputs[1], y = call.outputs[0].pointer
    let width = weight.shape[1], outputs = weight.shape[0], rows = call.inputs[0].count / width
    if call.inputs.count > 2 {
      let bias = call.inputs[2].pointer
      for row in worker.ranges(rows, by: 64) {
        for row in row { (y + row * outputs).update(from: bias, count: outputs) }
      }
      worker.barrier()
    }
    worker.matrixProduct(
      m: rows, n: outputs, k: width, MatrixOperand(call.inputs[0].pointer, leading: width),
      MatrixOperand(weight.pointer, leading: width, transposed: true), into: y, leading: outputs,
      accumulate: call.inputs.count > 2)
  }

  /// dx = dy w, dw = dyᵀ x, db = Σ dy.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0]?.pointer else { return }
    let weight = call.inputs[1].shape
    let width = weight[1], outputs = weight[0], rows = call.inputs[0].count / width
    if let dx = call.inputGradients[0] {
      worker.matrixProduct(
        m: rows, n: width, k: outputs, MatrixOperand(dy, leading: outputs),
        MatrixOperand(call.inputs[1].pointer, leading: width), into: dx.pointer, leading: width,
        accumulate: dx.accumulates)
    }
    if let dw = call.inputGradients[1] {
      worker.matrixProduct(
        m: outputs, n: width, k: rows, MatrixOperand(dy, leading: outputs, transposed: true),
        MatrixOperand(call.inputs[0].pointer, leading: width), into: dw.pointer, leading: width,
        accumulate: dw.accumulates)
    }
    if call.inputGradients.count > 2, let db = call.inputGradients[2] {
      for columns in worker.ranges(outputs, by: 16) {
        for column in columns {
          // Rows are batch entries or tokens: double precision costs nothing here and spares a tree.
          var total = 0.0
          for row in 0..<rows { total += Double(dy[row * outputs + column]) }
          db.put(Float(total), at: column)
        }
      }
    }
  }
}
