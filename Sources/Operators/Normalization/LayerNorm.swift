import Compute

/// Layer normalisation over the last axis: y = weight (x - mean) / sqrt(variance + epsilon) + bias, the biased
/// statistics taken over the C values of each row (Ba, Kiros, Hinton 2016, eq. 4).
///
/// Inputs: x `[..., C]`, weight `[C]`, bias `[C]`. Outputs: y `[..., C]`, mean and 1 / sqrt(variance + epsilon), both
/// `[..., 1]`. Only y carries a gradient.
public struct LayerNorm: Operator {
  public let epsilon: Float

  public init(epsilon: Float = 1e-5) { self.epsilon = epsilon }

  public var name: String { "layer_norm" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    try requireChannels(of: inputs, name, ["weight", "bias"])
    var perRow = inputs[0]
    perRow[-1] = 1
    return [inputs[0], perRow, perRow]
  }

  public var keeps: Kept { Kept(inputs: [0, 1], outputs: [1, 2]) }

  public var inPlace: InPlace { InPlace(forward: 0, backward: 0) }

  public var isCheapToRepeat: Bool { true }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    pass == .forward ? Scratch() : Scratch(shared: LayerNormRows(inputs[0]).partialCount)
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let weight = call.inputs[1].pointer, bias = call.inputs[2].pointer
    let means = call.outputs[1].pointer, inverses = call.outputs[2].pointer
    let rows = LayerNormRows(call.inputs[0].shape)
    for range in worker.ranges(rows.count, by: rows.tileRows) {
      for index in range {
        let x = UnsafePointer(call.inputs[0].pointer + index * rows.channels)
        let (mean, inverse) = rows.statistics(of: x, epsilon)
        means[index] = mean
        inverses[index] = inverse
        rows.normalize(x, mean, inverse, weight, bias, into: call.outputs[0].pointer + index * rows.channels)
      }
    }
  }

  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0]?.pointer else { return }
    let dx = call.inputGradients[0]
    LayerNormRows(call.inputs[0].shape).differentiate(
      x: call.inputs[0].pointer, means: call.outputs[1].pointer, inverses: call.outputs[2].pointer,
      weight: call.inputs[1].pointer, dy: dy, dweight: call.inputGradients[1], dbias: call.inputGradients[2],
      partials: call.context.sharedScratch, wantsInput: dx != nil, worker
    ) { at, count, slope in dx!.put(slope, at: at, first: count) }
  }
}
