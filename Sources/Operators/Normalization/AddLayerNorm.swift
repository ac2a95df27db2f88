import Compute

/// A residual addition and the layer normalisation that follows it, in one pass: s = a + b and y = LayerNorm(s), as in
/// the blocks of a pre-norm transformer, x + f(x) and its norm.
///
/// Inputs: a, b `[..., C]`, weight `[C]`, bias `[C]`. Outputs: s and y `[..., C]`, mean and 1 / sqrt(variance +
/// epsilon) of s, both `[..., 1]`. s and y carry gradients.
public struct AddLayerNorm: Operator {
  public let epsilon: Float

  public init(epsilon: Float = 1e-5) { self.epsilon = epsilon }

  public var name: String { "add_layer_norm" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    guard inputs[0] == inputs[1] else {
      throw ShapeError("cannot \(name) \(inputs[0]) and \(inputs[1]): both must have one shape")
    }
    let norm = try LayerNorm(epsilon: epsilon).outputShapes(for: [inputs[0], inputs[2], inputs[3]])
    return [inputs[0]] + norm
  }

  public var keeps: Kept { Kept(inputs: [2], outputs: [0, 2, 3]) }

  public var inPlace: InPlace { InPlace(forward: 0, backward: 0) }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    pass == .forward ? Scratch() : Scratch(shared: LayerNormRows(inputs[0]).partialCount)
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let rows = LayerNormRows(call.inputs[0].shape), weight = call.inputs[2].pointer, bias = call.inputs[3].pointer
    let means = call.outputs[2].pointer, inverses = call.outputs[3].pointer
    for range in worker.ranges(rows.count, by: rows.tileRows) {
      for index in range {
        let start = index * rows.channels, sum = call.outputs[0].pointer + start
        let a = call.inputs[0].pointer + start, b = call.inputs[1].pointer + start
        inLanes(0..<rows.channels) { at, count in
          sum.store(a.lanes(at: at, first: count) + b.lanes(at: at, first: count), at: at, first: count)
        }
        let (mean, inverse) = rows.statistics(of: sum, epsilon)
        means[index] = mean
        inverses[index] = inverse
        rows.normalize(sum, mean, inverse, weight, bias, into: call.outputs[1].pointer + start)
      }
    }
  }

  /// da = db = ds + the gradient that the norm gives at s.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    let da = call.inputGradients[0], db = call.inputGradients[1], ds = call.outputGradients[0]?.pointer
    guard let dy = call.outputGradients[1]?.pointer else {
      if let ds { spread(ds, da, db, count: call.inputs[0].count, worker) }
      clear(call.inputGradients[2], call.inputGradients[3], worker)
      return
    }
    LayerNormRows(call.inputs[0].shape).differentiate(
      x: call.outputs[0].pointer, means: call.outputs[2].pointer, inverses: call.outputs[3].pointer,
      weight: call.inputs[2].pointer, dy: dy, dweight: call.inputGradients[2], dbias: call.inputGradients[3],
      partials: call.context.sharedScratch, wantsInput: da != nil || db != nil, worker
    ) { at, count, slope in
      let sum = if let ds { ds.lanes(at: at, first: count) + slope } else { slope }
      db?.put(sum, at: at, first: count)
      da?.put(sum, at: at, first: count)
    }
  }

  private func spread(
    _ ds: UnsafePointer<Float>, _ da: GradientTarget?, _ db: GradientTarget?, count: Int, _ worker: Worker
  ) {
    for range in worker.ranges(count, by: 16_384) {
      inLanes(range) { at, count in
        let slope = ds.lanes(at: at, first: count)
        db?.put(slope, at: at, first: count)
        da?.put(slope, at: at, first: count)
      }
    }
  }

  private func clear(_ dweight: GradientTarget?, _ dbias: GradientTarget?, _ worker: Worker) {
    guard worker.isFirst else { return }
    for target in [dweight, dbias] {
      if let target, !target.accumulates { target.pointer.update(repeating: 0, count: target.view.count) }
    }
  }
}
