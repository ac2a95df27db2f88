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
    let channels = inputs[0].channels, rows = inputs[0].count / channels
    return pass == .forward ? Scratch() : Scratch(shared: 2 * tiles(rows, channels) * channels)
  }

  /// About 64 KiB, yet so many rows that the sums of a tile stay small beside it, and so few that they stay exact.
  private func tileRows(_ channels: Int) -> Int { min(max(32, 16_384 / channels), 512) }

  private func tiles(_ rows: Int, _ channels: Int) -> Int { (rows + tileRows(channels) - 1) / tileRows(channels) }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let weight = call.inputs[1].pointer, bias = call.inputs[2].pointer
    let means = call.outputs[1].pointer, inverses = call.outputs[2].pointer
    let channels = call.inputs[0].shape.channels, rows = call.inputs[0].count / channels
    let row = LaneRow(channels)
    for range in worker.ranges(rows, by: tileRows(channels)) {
      for index in range {
        let x = UnsafePointer(call.inputs[0].pointer + index * channels), y = call.outputs[0].pointer + index * channels
        let mean = row.sum { at, count in x.lanes(at: at, first: count) } / Float(channels)
        let square = row.sum { at, count in
          let deviation = x.lanes(at: at, first: count, fill: mean) - mean
          return deviation * deviation
        }
        let inverse = 1 / (square / Float(channels) + epsilon).squareRoot()
        means[index] = mean
        inverses[index] = inverse
        row.visit { at, count in
          let scale = weight.lanes(at: at, first: count) * inverse
          let centred = x.lanes(at: at, first: count) - mean
          y.store(bias.lanes(at: at, first: count).addingProduct(centred, scale), at: at, first: count)
        }
      }
    }
  }

  /// With x̂ = (x - mean) r and g = weight dy: dx = r (g - Σ g / C - x̂ Σ g x̂ / C), the sums over the row;
  /// dweight = Σ dy x̂, dbias = Σ dy, the sums over all rows.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let gradient = call.outputGradients[0]?.pointer else { return }
    let weight = call.inputs[1].pointer, means = call.outputs[1].pointer, inverses = call.outputs[2].pointer
    let dx = call.inputGradients[0], dweight = call.inputGradients[1], dbias = call.inputGradients[2]
    let channels = call.inputs[0].shape.channels, rows = call.inputs[0].count / channels
    let row = LaneRow(channels), tileRows = tileRows(channels), tiles = tiles(rows, channels)
    let partials = call.context.sharedScratch
    for tile in worker.tiles(tiles) {
      let weightSums = partials + 2 * tile * channels, biasSums = weightSums + channels
      weightSums.update(repeating: 0, count: 2 * channels)
      for index in tile * tileRows..<min((tile + 1) * tileRows, rows) {
        let x = UnsafePointer(call.inputs[0].pointer + index * channels), dy = gradient + index * channels
        let mean = means[index], inverse = inverses[index]
        if dweight != nil || dbias != nil {
          row.visit { at, count in
            let slope = dy.lanes(at: at, first: count), normal = (x.lanes(at: at, first: count) - mean) * inverse
            weightSums.store(weightSums.lanes(at: at, first: count).addingProduct(slope, normal), at: at, first: count)
            biasSums.store(biasSums.lanes(at: at, first: count) + slope, at: at, first: count)
          }
        }
        guard let dx else { continue }
        let plain =
          row.sum { at, count in weight.lanes(at: at, first: count) * dy.lanes(at: at, first: count) } / Float(channels)
        let product = row.sum { at, count in
          let normal = (x.lanes(at: at, first: count) - mean) * inverse
          return weight.lanes(at: at, first: count) * dy.lanes(at: at, first: count) * normal
        } / Float(channels)
        row.visit { at, count in
          let normal = (x.lanes(at: at, first: count) - mean) * inverse
          let slope = weight.lanes(at: at, first: count) * dy.lanes(at: at, first: count) - plain - normal * product
          dx.put(slope * inverse, at: index * channels + at, first: count)
        }
      }
    }
    if dweight == nil && dbias == nil { return }
    worker.barrier()
    for range in worker.ranges(channels, by: 16) {
      for channel in range {
        var weightSum = 0.0, biasSum = 0.0
        for tile in 0..<tiles {
          weightSum += Double(partials[2 * tile * channels + channel])
          biasSum += Double(partials[(2 * tile + 1) * channels + channel])
        }
        dweight?.put(Float(weightSum), at: channel)
        dbias?.put(Float(biasSum), at: channel)
      }
    }
  }
}
