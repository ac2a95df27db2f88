import Compute

/// What a spatial gate looks at, in one reading: maximum and mean over the channels of u = x · gate, without u
/// (Woo et al.; ECCV 2018, eq. 3).
///
/// Inputs: x `[N, H, W, C]`, gate `[N, 1, 1, C]`. Outputs, each `[N, H, W, 1]`: the maximum, the position of the first
/// channel that reaches it (no gradient), the mean. With du = dmean / C, and dmaximum more at that channel:
/// dx = du gate, dgate = Σ du x over the places.
///
/// With `normalizes` weight, bias, mean and r of a norm follow, and x is put through it first; the gradients are those at
/// x with given statistics, at weight and at bias: see `NormalizedSqueeze`.
public struct GatedChannelSqueeze: Operator {
  public let normalizes: Bool

  public init(normalizes: Bool = false) { self.normalizes = normalizes }

  private var norm: Int? { normalizes ? 2 : nil }

  public var name: String { "gated_channel_squeeze" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    guard inputs[0].rank == 4, inputs[1].isChannelGate(of: inputs[0]) else {
      throw ShapeError("cannot gate \(inputs[0]) by \(inputs[1]): wanted [N, H, W, C] and [N, 1, 1, C]")
    }
    if let norm { try ChannelAffine.check(inputs, from: norm) }
    var shape = inputs[0]
    shape[3] = 1
    return [shape, shape, shape]
  }

  public var keeps: Kept { Kept(inputs: Set(0..<(normalizes ? 6 : 2)), outputs: [1]) }

  public var isCheapToRepeat: Bool { true }

  public func isDifferentiable(input: Int) -> Bool { input < 4 }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let affine = ChannelAffine.floats(inputs[0])
    guard pass == .backward else { return Scratch(perWorker: affine) }
    return Scratch(shared: GateSums.floats(ImageTiles(inputs[0])), perWorker: affine + Lanes.padded(inputs[0][3]))
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let tiles = ImageTiles(call.inputs[0].shape), channels = tiles.channels, share = 1 / Float(channels)
    let x = call.inputs[0].pointer, gates = call.inputs[1].pointer
    let maximum = call.outputs[0].pointer, position = call.outputs[1].pointer, mean = call.outputs[2].pointer
    let affine = ChannelAffine(call.inputs, from: norm, in: call.context.scratch(of: worker))
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index), gate = gates + tile.image * channels
      for pixel in tile.pixels {
        let empty = Max.State.empty
        var largest = empty.first, place = empty.second, sum = Lanes(repeating: 0)
        inLanes(0..<channels) { channel, count in
          let value = affine(x.streamedLanes(at: pixel * channels + channel, first: count), channel)
          let gated = value * gate.lanes(at: channel, first: count)
          sum += gated
          // Lanes past the last channel hold zeros, which must not win.
          let taken = gated.keeping(first: count, orElse: -.infinity)
          let wins = beats(taken, largest)
          largest.replace(with: taken, where: wins)
          place.replace(with: Lanes.ascending + Lanes(repeating: Float(channel)), where: wins)
        }
        let winner = Max.State(first: largest, second: place).acrossLanes()
        maximum[pixel] = winner.first[0]
        position[pixel] = winner.second[0]
        mean[pixel] = sum.total * share
      }
    }
  }

  public func backward(_ call: BackwardCall, _ worker: Worker) {
    let tiles = ImageTiles(call.inputs[0].shape), channels = tiles.channels
    let x = call.inputs[0].pointer, gates = call.inputs[1].pointer, position = call.outputs[1].pointer
    let dmaximum = call.outputGradients[0]?.pointer, dmean = call.outputGradients[2]?.pointer
    let dx = call.inputGradients[0], ofMean = 1 / Float(channels)
    let memory = call.context.scratch(of: worker), affine = ChannelAffine(call.inputs, from: norm, in: memory)
    let factors = memory + ChannelAffine.floats(call.inputs[0].shape)
    let sums = GateSums(call, tiles, norm: norm)
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index), gate = gates + tile.image * channels
      let plain = sums.plain + tile.partial, centered = sums.centered + tile.partial
      sums.clear(tile)
      inLanes(0..<channels) { channel, count in
        factors.store(gate.lanes(at: channel, first: count) * affine.scale(channel), at: channel)
      }
      for pixel in tile.pixels {
        let row = pixel * channels, share = Lanes(repeating: (dmean?[pixel] ?? 0) * ofMean)
        inLanes(0..<channels) { channel, count in
          dx?.put(share * factors.lanes(at: channel), at: row + channel, first: count)
          let distance = x.streamedLanes(at: row + channel, first: count) - affine.mean(channel, count)
          let sum = centered.lanes(at: channel, first: count).addingProduct(share, distance)
          centered.store(sum, at: channel, first: count)
        }
      }
      var shares: Float = 0
      for pixel in tile.pixels {
        shares += (dmean?[pixel] ?? 0) * ofMean
        guard let slope = dmaximum?[pixel] else { continue }
        let channel = Int(position[pixel]), at = pixel * channels + channel
        dx?.pointer[at] += slope * gate[channel] * affine.scale(of: channel)
        plain[channel] += slope
        centered[channel] += slope * (x[at] - affine.mean(of: channel))
      }
      // A place's share is the same for all channels.
      for channel in 0..<channels { plain[channel] += shares }
    }
    worker.barrier()
    sums.finish(
      gates: gates, dgate: call.inputGradients[1], dweight: norm.flatMap { call.inputGradients[$0] },
      dbias: norm.flatMap { call.inputGradients[$0 + 1] }, worker)
  }
}
