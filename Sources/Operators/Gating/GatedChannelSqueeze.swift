import Compute

/// What a spatial gate looks at, in one reading: maximum and mean over the channels of u = x · gate, without u
/// (Woo et al.; ECCV 2018, eq. 3).
///
/// Inputs: x `[N, H, W, C]`, gate `[N, 1, 1, C]`. Outputs, each `[N, H, W, 1]`: the maximum, the position of the first
/// channel that reaches it (no gradient), the mean. With du = dmean / C, and dmaximum more at that channel:
/// dx = du gate, dgate = Σ du x over the places.
public struct GatedChannelSqueeze: Operator {
  public init() {}

  public var name: String { "gated_channel_squeeze" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    guard inputs[0].rank == 4, inputs[1].isChannelGate(of: inputs[0]) else {
      throw ShapeError("cannot gate \(inputs[0]) by \(inputs[1]): wanted [N, H, W, C] and [N, 1, 1, C]")
    }
    var shape = inputs[0]
    shape[3] = 1
    return [shape, shape, shape]
  }

  public var keeps: Kept { Kept(inputs: [0, 1], outputs: [1]) }

  public var isCheapToRepeat: Bool { true }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    pass == .backward ? Scratch(shared: ImageTiles(inputs[0]).partialCount) : Scratch()
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let tiles = ImageTiles(call.inputs[0].shape), channels = tiles.channels, share = 1 / Float(channels)
    let x = call.inputs[0].pointer, gates = call.inputs[1].pointer
    let maximum = call.outputs[0].pointer, position = call.outputs[1].pointer, mean = call.outputs[2].pointer
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index), gate = gates + tile.image * channels
      for pixel in tile.pixels {
        let empty = Max.State.empty
        var largest = empty.first, place = empty.second, sum = Lanes(repeating: 0)
        inLanes(0..<channels) { channel, count in
          let gated = x.streamedLanes(at: pixel * channels + channel, first: count) * gate.lanes(at: channel, first: count)
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
    let tiles = ImageTiles(call.inputs[0].shape), channels = tiles.channels, partials = call.context.sharedScratch
    let x = call.inputs[0].pointer, gates = call.inputs[1].pointer, position = call.outputs[1].pointer
    let dmaximum = call.outputGradients[0]?.pointer, dmean = call.outputGradients[2]?.pointer
    let dx = call.inputGradients[0], dgate = call.inputGradients[1]
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index), gate = gates + tile.image * channels, sums = partials + tile.partial
      sums.update(repeating: 0, count: channels)
      for pixel in tile.pixels {
        let row = pixel * channels, share = Lanes(repeating: (dmean?[pixel] ?? 0) / Float(channels))
        inLanes(0..<channels) { channel, count in
          dx?.put(share * gate.lanes(at: channel, first: count), at: row + channel, first: count)
          let sum = sums.lanes(at: channel, first: count) + share * x.streamedLanes(at: row + channel, first: count)
          sums.store(sum, at: channel, first: count)
        }
        guard let slope = dmaximum?[pixel] else { continue }
        let channel = Int(position[pixel])
        dx?.pointer[row + channel] += slope * gate[channel]
        sums[channel] += slope * x[row + channel]
      }
    }
    guard let dgate else { return }
    worker.barrier()
    tiles.results(worker) { image, channel, count, partial in
      dgate.put(Lanes(tiles.total(partials, partial, count)), at: image * channels + channel, first: count)
    }
  }
}
