import Compute

/// The end of a residual block with attention in one pass over memory: y = f(x · gate · map + residual), or
/// y = f(x · (gate + map) + residual).
///
/// Inputs: x and residual `[N, H, W, C]`, then, where there is one, the gate of the channels `[N, 1, 1, C]` and the map
/// of the places `[N, H, W, 1]`. Output: y. With g = dy f' (read off y): dresidual = g, dx = g gate map,
/// dgate = Σ g x map over the places, dmap = Σ g x gate over the channels; of a sum of gates dx = g (gate + map),
/// dgate = Σ g x, dmap = Σ g x.
///
/// Separate operators would read and write the activation six times more, forwards and backwards.
///
/// With `normalizes` weight, bias, mean and r of a norm follow, and x is put through it first; the gradients are those at
/// x with given statistics, at weight and at bias: see `NormalizedSqueeze`.
public struct GatedResidual: Operator {
  public let activation: Clamp
  public let hasChannelGate: Bool
  public let hasSpatialGate: Bool
  /// Whether the two gates are added, where there are two, and not multiplied.
  public let addsGates: Bool
  public let normalizes: Bool

  public init(
    _ activation: Clamp, hasChannelGate: Bool, hasSpatialGate: Bool, addsGates: Bool = false, normalizes: Bool = false
  ) {
    precondition(!addsGates || (hasChannelGate && hasSpatialGate), "a sum of one gate")
    precondition(!normalizes || !addsGates, "a sum of gates does not go through a norm")
    self.activation = activation
    self.hasChannelGate = hasChannelGate
    self.hasSpatialGate = hasSpatialGate
    self.addsGates = addsGates
    self.normalizes = normalizes
  }

  /// This, of an x that is not normalised yet; `nil` for a sum of gates.
  public var normalizing: GatedResidual? {
    addsGates
      ? nil
      : GatedResidual(activation, hasChannelGate: hasChannelGate, hasSpatialGate: hasSpatialGate, normalizes: true)
  }

  public var name: String { "gated_residual" }

  private var channelGate: Int? { hasChannelGate ? 2 : nil }
  private var spatialGate: Int? { hasSpatialGate ? (hasChannelGate ? 3 : 2) : nil }
  private var norm: Int? { normalizes ? 2 + (hasChannelGate ? 1 : 0) + (hasSpatialGate ? 1 : 0) : nil }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let x = inputs[0]
    guard x.rank == 4, inputs[1] == x, channelGate.map({ inputs[$0].isChannelGate(of: x) }) != false,
      spatialGate.map({ inputs[$0].isSpatialGate(of: x) }) != false
    else {
      throw ShapeError(
        "cannot gate \(x) beside \(inputs[1]) by \(inputs.dropFirst(2)): wanted [N, H, W, C] twice, then [N, 1, 1, C] and [N, H, W, 1]")
    }
    if let norm { try ChannelAffine.check(inputs, from: norm) }
    return [x]
  }

  public var keeps: Kept {
    Kept(
      inputs: Set([0, channelGate, spatialGate].compactMap { $0 }).union(norm.map { $0..<$0 + 4 } ?? 0..<0),
      outputs: activation == .identity ? [] : [0])
  }

  public var inPlace: InPlace { InPlace(forward: 1, backward: 1) }

  public var isCheapToRepeat: Bool { true }

  public func isDifferentiable(input: Int) -> Bool { norm.map { input < $0 + 2 } ?? true }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let affine = ChannelAffine.floats(inputs[0])
    guard pass == .backward else { return Scratch(perWorker: affine) }
    return Scratch(
      shared: hasChannelGate || normalizes ? GateSums.floats(ImageTiles(inputs[0])) : 0,
      perWorker: affine + 2 * Lanes.padded(inputs[0][3]))
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let f = Clamp.Bounds(activation), affine = ChannelAffine(call.inputs, from: norm, in: call.context.scratch(of: worker))
    let tiles = ImageTiles(call.inputs[0].shape), channels = tiles.channels
    let x = call.inputs[0].pointer, residual = call.inputs[1].pointer
    let y = StreamedOutput(call.outputs[0], rows: channels, besides: x, residual)
    let gates = channelGate.map { call.inputs[$0].pointer }, map = spatialGate.map { call.inputs[$0].pointer }
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index)
      for pixel in tile.pixels {
        let place = Lanes(repeating: map?[pixel] ?? 1), row = pixel * channels
        if let gate = gates.map({ $0 + tile.image * channels }) {
          inLanes(0..<channels) { channel, count in
            let gate = gate.lanes(at: channel, first: count), weight = addsGates ? gate + place : gate * place
            let gated = affine(x.streamedLanes(at: row + channel, first: count), channel) * weight
            let sum = gated + residual.streamedLanes(at: row + channel, first: count)
            y.put(f.value(sum), at: row + channel, first: count)
          }
        } else {
          inLanes(0..<channels) { channel, count in
            let gated = affine(x.streamedLanes(at: row + channel, first: count), channel) * place
            y.put(f.value(gated + residual.streamedLanes(at: row + channel, first: count)), at: row + channel, first: count)
          }
        }
      }
    }
  }

  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0]?.pointer else { return }
    let tiles = ImageTiles(call.inputs[0].shape), channels = tiles.channels
    let x = call.inputs[0].pointer, y = call.outputs[0].pointer
    let gates = channelGate.map { call.inputs[$0].pointer }, map = spatialGate.map { call.inputs[$0].pointer }
    let dx = call.inputGradients[0].map { StreamedOutput($0, rows: channels, besides: dy, x, y) }
    let dresidual = call.inputGradients[1].map { StreamedOutput($0, rows: channels, besides: dy, x, y) }
    let dgate = channelGate.flatMap { call.inputGradients[$0] }, dmap = spatialGate.flatMap { call.inputGradients[$0] }
    let dweight = norm.flatMap { call.inputGradients[$0] }, dbias = norm.flatMap { call.inputGradients[$0 + 1] }
    let memory = call.context.scratch(of: worker), affine = ChannelAffine(call.inputs, from: norm, in: memory)
    let factors = memory + ChannelAffine.floats(call.inputs[0].shape), offsets = factors + Lanes.padded(channels)
    let sums = GateSums(call, tiles, norm: norm), hasSums = dgate != nil || dweight != nil || dbias != nil
    let f = Clamp.Bounds(activation), readsOutput = activation != .identity
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index), plain = sums.plain + tile.partial, centered = sums.centered + tile.partial
      if hasSums { sums.clear(tile) }
      // gate · y = factor (x - mean) + offset
      inLanes(0..<channels) { channel, count in
        let gate = gates?.lanes(at: tile.image * channels + channel, first: count) ?? Lanes(repeating: 1)
        factors.store(gate * affine.scale(channel), at: channel)
        offsets.store(gate * affine.bias(channel, count), at: channel)
      }
      // Row by row: the processor foresees that best. (Four rows at once, with their numbers in registers, or stripes of
      // 256 channels, with them in the first cache, took up to twice as long.)
      for pixel in tile.pixels {
        let place = Lanes(repeating: map?[pixel] ?? 1), row = pixel * channels
        var atPlace = Lanes(repeating: 0)
        inLanes(0..<channels) { channel, count in
          let at = row + channel, slope = dy.streamedLanes(at: at, first: count)
          let g = f.gradient(slope, at: readsOutput ? y.streamedLanes(at: at, first: count) : slope)
          let distance = x.streamedLanes(at: at, first: count) - affine.mean(channel, count)
          let factor = factors.lanes(at: channel), h = addsGates ? g : g * place
          dresidual?.put(g, at: at, first: count)
          dx?.put(addsGates ? g * (factor + place) : h * factor, at: at, first: count)
          if hasSums {
            plain.store(plain.lanes(at: channel, first: count) + h, at: channel, first: count)
            centered.store(
              centered.lanes(at: channel, first: count).addingProduct(h, distance), at: channel, first: count)
          }
          atPlace.addProduct(g, addsGates ? distance : offsets.lanes(at: channel).addingProduct(factor, distance))
        }
        dmap?.put(atPlace.total, at: pixel)
      }
    }
    guard hasSums else { return }
    worker.barrier()
    sums.finish(gates: gates, dgate: dgate, dweight: dweight, dbias: dbias, worker)
  }
}
