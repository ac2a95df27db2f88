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
public struct GatedResidual: Operator {
  public let activation: Clamp
  public let hasChannelGate: Bool
  public let hasSpatialGate: Bool
  /// Whether the two gates are added, where there are two, and not multiplied.
  public let addsGates: Bool

  public init(_ activation: Clamp, hasChannelGate: Bool, hasSpatialGate: Bool, addsGates: Bool = false) {
    precondition(!addsGates || (hasChannelGate && hasSpatialGate), "a sum of one gate")
    self.activation = activation
    self.hasChannelGate = hasChannelGate
    self.hasSpatialGate = hasSpatialGate
    self.addsGates = addsGates
  }

  public var name: String { "gated_residual" }

  private var channelGate: Int? { hasChannelGate ? 2 : nil }
  private var spatialGate: Int? { hasSpatialGate ? (hasChannelGate ? 3 : 2) : nil }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let x = inputs[0]
    guard x.rank == 4, inputs[1] == x, channelGate.map({ inputs[$0].isChannelGate(of: x) }) != false,
      spatialGate.map({ inputs[$0].isSpatialGate(of: x) }) != false
    else {
      throw ShapeError(
        "cannot gate \(x) beside \(inputs[1]) by \(inputs.dropFirst(2)): wanted [N, H, W, C] twice, then [N, 1, 1, C] and [N, H, W, 1]")
    }
    return [x]
  }

  public var keeps: Kept {
    Kept(
      inputs: Set([0, channelGate, spatialGate].compactMap { $0 }), outputs: activation == .identity ? [] : [0])
  }

  public var inPlace: InPlace { InPlace(forward: 1, backward: 1) }

  public var isCheapToRepeat: Bool { true }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    pass == .backward && hasChannelGate ? Scratch(shared: ImageTiles(inputs[0]).partialCount) : Scratch()
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let f = Clamp.Bounds(activation)
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
            let gated = x.streamedLanes(at: row + channel, first: count) * weight
            let sum = gated + residual.streamedLanes(at: row + channel, first: count)
            y.put(f.value(sum), at: row + channel, first: count)
          }
        } else {
          inLanes(0..<channels) { channel, count in
            let sum = x.streamedLanes(at: row + channel, first: count) * place + residual.streamedLanes(at: row + channel, first: count)
            y.put(f.value(sum), at: row + channel, first: count)
          }
        }
      }
    }
  }

  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0]?.pointer else { return }
    let tiles = ImageTiles(call.inputs[0].shape), channels = tiles.channels, partials = call.context.sharedScratch
    let x = call.inputs[0].pointer, y = call.outputs[0].pointer
    let gates = channelGate.map { call.inputs[$0].pointer }, map = spatialGate.map { call.inputs[$0].pointer }
    let dx = call.inputGradients[0].map { StreamedOutput($0, rows: channels, besides: dy, x, y) }
    let dresidual = call.inputGradients[1].map { StreamedOutput($0, rows: channels, besides: dy, x, y) }
    let dgate = channelGate.flatMap { call.inputGradients[$0] }, dmap = spatialGate.flatMap { call.inputGradients[$0] }
    let f = Clamp.Bounds(activation), readsOutput = activation != .identity, one = Lanes(repeating: 1)
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index), sums = partials + tile.partial
      if dgate != nil { sums.update(repeating: 0, count: channels) }
      for pixel in tile.pixels {
        let place = Lanes(repeating: map?[pixel] ?? 1), row = pixel * channels
        var atPlace = Lanes(repeating: 0)
        inLanes(0..<channels) { channel, count in
          let at = row + channel, slope = dy.streamedLanes(at: at, first: count)
          let g = f.gradient(slope, at: readsOutput ? y.streamedLanes(at: at, first: count) : slope)
          let gate = gates.map { $0.lanes(at: tile.image * channels + channel, first: count) } ?? one
          let product = g * x.streamedLanes(at: at, first: count)
          dresidual?.put(g, at: at, first: count)
          dx?.put(g * (addsGates ? gate + place : gate * place), at: at, first: count)
          if dgate != nil {
            let slope = addsGates ? product : product * place
            sums.store(sums.lanes(at: channel, first: count) + slope, at: channel, first: count)
          }
          atPlace.addProduct(product, addsGates ? one : gate)
        }
        dmap?.put(atPlace.total, at: pixel)
      }
    }
    guard let dgate else { return }
    worker.barrier()
    tiles.results(worker) { image, channel, count, partial in
      dgate.put(Lanes(tiles.total(partials, partial, count)), at: image * channels + channel, first: count)
    }
  }
}
