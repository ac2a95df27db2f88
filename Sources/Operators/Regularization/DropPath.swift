import Compute

/// Stochastic depth: every sample of the first axis is zero with the given probability and else 1 / (1 - probability)
/// times as large (Huang et al., ECCV 2016, eq. 2, in its inverted form); any shape.
///
/// Sample n is dropped by the first word of Philox block n of the call's key. The backward pass draws it again, so
/// nothing is kept.
public struct DropPath: Operator {
  /// 0...1.
  public let probability: Float

  public init(probability: Float) { self.probability = probability }

  public var name: String { "drop_path" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    guard inputs[0].rank > 0 else { throw ShapeError("cannot drop_path \(inputs[0]): wanted a first axis of samples") }
    return [inputs[0]]
  }

  public var keeps: Kept { .nothing }

  public var inPlace: InPlace { InPlace(forward: 0, backward: 0) }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let x = call.inputs[0].pointer, y = call.outputs[0].pointer
    masked(call.inputs[0].shape, call.context.random, worker) { index, count, factor in
      y.store(x.lanes(at: index, first: count) * factor, at: index, first: count)
    }
  }

  /// dx = dy / (1 - probability) where the sample was not dropped.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0]?.pointer else { return }
    masked(call.outputs[0].shape, call.context.random, worker) { index, count, factor in
      dx.put(dy.lanes(at: index, first: count) * factor, at: index, first: count)
    }
  }

  /// Visits up to sixteen elements of one sample at a time with its factor, 0 or 1 / (1 - probability).
  @inline(__always)
  private func masked(
    _ shape: Shape, _ key: RandomKey, _ worker: Worker, _ body: (_ index: Int, _ count: Int, _ factor: Float) -> Void
  ) {
    let draw = KeepDraw(dropping: probability)
    let size = shape.count(over: 1..<shape.rank), tilesEach = (size + 16_383) / 16_384
    for tile in worker.tiles(shape[0] * tilesEach) {
      let sample = tile / tilesEach, start = tile % tilesEach * 16_384
      let factor = draw.factor(Philox.block(key, UInt64(sample)).x)
      LaneRow(min(16_384, size - start)).visit { at, count in body(sample * size + start + at, count, factor) }
    }
  }
}
