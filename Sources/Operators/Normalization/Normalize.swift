import Compute

/// The second half of a training batch norm with what follows it, in one pass over memory:
/// y = f(weight (x - mean) r + bias + residual), r = 1 / sqrt(variance + epsilon).
///
/// Inputs: x `[..., C]`, weight, bias, mean and r, each `[C]` (the last two from `BatchMoments` of the same x), then the
/// residual of x's shape where there is one. Output: y.
///
/// The gradient at x is that of the whole batch norm: with x̂ = (x - mean) r, g = dy f' and n values a channel
/// (Ioffe, Szegedy; ICML 2015, section 3): dbias = Σ g, dweight = Σ g x̂, dresidual = g,
/// dx = weight r (g - Σ g / n - x̂ Σ g x̂ / n).
public struct Normalize: Operator, Equatable {
  public let activation: Clamp
  public let hasResidual: Bool

  public init(_ activation: Clamp = .identity, hasResidual: Bool = false) {
    self.activation = activation
    self.hasResidual = hasResidual
  }

  public var name: String { hasResidual ? "normalize_add" : "normalize" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    try requireChannels(of: Array(inputs.prefix(5)), "normalize", ["weight", "bias", "mean", "inverse deviation"])
    if hasResidual, inputs[5].count != inputs[0].count {
      throw ShapeError("cannot add a residual of shape \(inputs[5]) to \(inputs[0])")
    }
    return [inputs[0]]
  }

  /// Without a residual f's argument is computed again from x, which is read anyway; with one, y tells where f is flat.
  public var keeps: Kept {
    Kept(inputs: [0, 1, 2, 3, 4], outputs: hasResidual && activation != .identity ? [0] : [])
  }

  public var inPlace: InPlace { InPlace(forward: hasResidual ? 5 : 0, backward: hasResidual ? 5 : 0) }

  public var isCheapToRepeat: Bool { true }

  public func isDifferentiable(input: Int) -> Bool { input < 3 || input == 5 }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let period = ChannelPeriod(channels: inputs[0].channels)
    guard pass == .backward else { return Scratch(perWorker: ChannelAffine.floats(inputs[0])) }
    let sums = ChannelGradientSums(period: period, rows: inputs[0].count / period.channels).scratch
    return Scratch(shared: 3 * period.width + sums.shared, perWorker: 2 * period.width + sums.perWorker)
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let affine = ChannelAffine(call.inputs, in: call.context.scratch(of: worker)), period = affine.period
    let x = call.inputs[0].pointer, f = Clamp.Bounds(activation)
    let y = StreamedOutput(call.outputs[0], besides: x, hasResidual ? call.inputs[5].pointer : x)
    for range in worker.ranges(call.inputs[0].count, by: period.tileFloats) {
      if hasResidual {
        let residual = call.inputs[5].pointer
        period.visit(range) { index, place in
          y.put(f.value(affine(x.streamedLanes(at: index), place) + residual.streamedLanes(at: index)), at: index)
        } rest: { index, place in
          y.put(f.value(Lanes(repeating: affine(x[index], place) + residual[index]))[0], at: index)
        }
      } else {
        period.visit(range) { index, place in
          y.put(f.value(affine(x.streamedLanes(at: index), place)), at: index)
        } rest: { index, place in
          y.put(f.value(Lanes(repeating: affine(x[index], place)))[0], at: index)
        }
      }
    }
  }
}
