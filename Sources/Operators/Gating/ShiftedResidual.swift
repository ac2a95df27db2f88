import Compute

/// The end of a residual block with a context of its channels in one pass over memory: y = f(x + shift + residual).
///
/// Inputs: x and residual `[N, H, W, C]`, the shift `[N, 1, 1, C]`. Output: y. With g = dy f' (read off y): dx = g,
/// dresidual = g, dshift = Σ g over the places.
///
/// Separate operators would read and write the activation four times more forwards and three times backwards.
public struct ShiftedResidual: Operator {
  public let activation: Clamp

  public init(_ activation: Clamp) { self.activation = activation }

  public var name: String { "shifted_residual" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let x = inputs[0]
    guard x.rank == 4, inputs[1] == x, inputs[2].isChannelGate(of: x) else {
      throw ShapeError("cannot shift \(x) beside \(inputs[1]) by \(inputs[2]): wanted [N, H, W, C] twice, then [N, 1, 1, C]")
    }
    return [x]
  }

  public var keeps: Kept { Kept(outputs: activation == .identity ? [] : [0]) }

  public var inPlace: InPlace { InPlace(forward: 1, backward: 1) }

  public var isCheapToRepeat: Bool { true }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    pass == .backward ? Scratch(shared: ImageTiles(inputs[0]).partialCount) : Scratch()
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let f = Clamp.Bounds(activation)
    let tiles = ImageTiles(call.inputs[0].shape), channels = tiles.channels
    let x = call.inputs[0].pointer, residual = call.inputs[1].pointer
    let y = StreamedOutput(call.outputs[0], rows: channels, besides: x, residual)
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index), shifts = call.inputs[2].pointer + tile.image * channels
      for pixel in tile.pixels {
        inLanes(0..<channels) { channel, count in
          let at = pixel * channels + channel
          let shifted = x.streamedLanes(at: at, first: count) + shifts.lanes(at: channel, first: count)
          y.put(f.value(shifted + residual.streamedLanes(at: at, first: count)), at: at, first: count)
        }
      }
    }
  }

  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0]?.pointer else { return }
    let tiles = ImageTiles(call.inputs[0].shape), channels = tiles.channels, partials = call.context.sharedScratch
    let y = call.outputs[0].pointer, dshift = call.inputGradients[2]
    let dx = call.inputGradients[0].map { StreamedOutput($0, rows: channels, besides: dy, y) }
    let dresidual = call.inputGradients[1].map { StreamedOutput($0, rows: channels, besides: dy, y) }
    let f = Clamp.Bounds(activation), readsOutput = activation != .identity
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index), sums = partials + tile.partial
      sums.update(repeating: 0, count: channels)
      for pixel in tile.pixels {
        inLanes(0..<channels) { channel, count in
          let at = pixel * channels + channel, slope = dy.streamedLanes(at: at, first: count)
          let g = f.gradient(slope, at: readsOutput ? y.streamedLanes(at: at, first: count) : slope)
          dresidual?.put(g, at: at, first: count)
          dx?.put(g, at: at, first: count)
          sums.store(sums.lanes(at: channel, first: count) + g, at: channel, first: count)
        }
      }
    }
    guard let dshift else { return }
    worker.barrier()
    tiles.results(worker) { image, channel, count, partial in
      dshift.put(Lanes(tiles.total(partials, partial, count)), at: image * channels + channel, first: count)
    }
  }
}
