import Compute

/// The backward pass: first the two sums of every channel, then dx, which needs them.
///
/// Without a residual the passes read dy and x twice and write dx once. With one, g = dy f' is written to the residual's
/// gradient by the first pass and read back by the second; where that gradient already holds something, the second pass
/// computes g again.
extension Normalize {
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0]?.pointer else { return }
    let f = Clamp.Bounds(activation)
    if hasResidual {
      gradients(call, ResidualSlopes(f, dy: dy, activation, call), worker)
    } else {
      let affine = ChannelAffine(call.inputs, in: call.context.scratch(of: worker))
      gradients(call, RecomputedSlopes(f: f, affine: affine, dy: dy, x: call.inputs[0].pointer), worker)
    }
  }

  /// One loop for both cases came out 1.5 times as slow where there is no residual: told apart at every sixteen elements,
  /// the four running sums no longer overlap.
  @inline(__always)
  private func gradients(_ call: BackwardCall, _ slopes: some Slopes, _ worker: Worker) {
    let own = call.context.scratch(of: worker), period = ChannelPeriod(channels: call.inputs[0].shape.channels)
    let x = call.inputs[0].pointer, weight = call.inputs[1].pointer, dy = call.outputGradients[0]!.pointer
    let mean = call.inputs[3].pointer, inverses = call.inputs[4].pointer
    let dweight = call.inputGradients[1], dbias = call.inputGradients[2]
    let count = call.inputs[0].count, rows = count / period.channels
    let a = call.context.sharedScratch, b = a + period.width, c = b + period.width
    ChannelGradientSums(period: period, rows: rows)(
      mean: mean, partials: c + period.width, own: own + 2 * period.width, worker
    ) { index, place in
      (slopes.first(index, place), x.streamedLanes(at: index))
    } rest: { index, place in
      (slopes.firstRest(index, place), x[index])
    } total: { channel, plain, centered in
      NormGradient(
        sum: plain, centeredSum: centered, count: rows, weight: weight[channel], mean: mean[channel],
        inverse: inverses[channel]
      ).put(channel, dweight, dbias, over: period, into: a)
    }
    guard let dx = call.inputGradients[0].map({ StreamedOutput($0, besides: dy) }) else { return }
    worker.barrier()
    for range in worker.ranges(count, by: period.tileFloats) {
      period.visit(range) { index, place in
        let statistics = c.lanes(at: place).addingProduct(b.lanes(at: place), x.streamedLanes(at: index))
        dx.put(statistics.addingProduct(a.lanes(at: place), slopes.again(index, place)), at: index)
      } rest: { index, place in
        let statistics = c[place].addingProduct(b[place], x[index])
        dx.put(statistics.addingProduct(a[place], slopes.againRest(index, place)), at: index)
      }
    }
  }
}

/// g = dy f' at an element: sixteen at a time or one, asked for once by the first pass and again by the second.
private protocol Slopes {
  func first(_ index: Int, _ place: Int) -> Lanes
  func firstRest(_ index: Int, _ place: Int) -> Float
  func again(_ index: Int, _ place: Int) -> Lanes
  func againRest(_ index: Int, _ place: Int) -> Float
}

/// Without a residual: f's argument is computed again from x.
private struct RecomputedSlopes: Slopes {
  let f: Clamp.Bounds
  let affine: ChannelAffine
  let dy, x: UnsafeMutablePointer<Float>

  @inline(__always)
  func first(_ index: Int, _ place: Int) -> Lanes {
    f.gradient(dy.streamedLanes(at: index), at: affine(x.streamedLanes(at: index), place))
  }

  @inline(__always)
  func firstRest(_ index: Int, _ place: Int) -> Float {
    f.gradient(Lanes(repeating: dy[index]), at: Lanes(repeating: affine(x[index], place)))[0]
  }

  @inline(__always)
  func again(_ index: Int, _ place: Int) -> Lanes { first(index, place) }

  @inline(__always)
  func againRest(_ index: Int, _ place: Int) -> Float { firstRest(index, place) }
}

/// With a residual: f' is read off y, and g is the residual's gradient.
private struct ResidualSlopes: Slopes {
  private let f: Clamp.Bounds
  private let dy, y: UnsafeMutablePointer<Float>
  private let target: GradientTarget?
  private let output: StreamedOutput?
  /// Whether the residual's gradient is g and nothing else.
  private let isStored: Bool

  @inline(__always)
  init(_ f: Clamp.Bounds, dy: UnsafeMutablePointer<Float>, _ activation: Clamp, _ call: BackwardCall) {
    self.f = f
    self.dy = dy
    // Where nothing is cut off, y is not kept and anything will do.
    y = activation == .identity ? dy : call.outputs[0].pointer
    target = call.inputGradients[5]
    output = target.map { StreamedOutput($0, besides: dy) }
    isStored = target.map { !$0.accumulates } ?? false
  }

  @inline(__always)
  private func slope(_ index: Int) -> Lanes { f.gradient(dy.streamedLanes(at: index), at: y.streamedLanes(at: index)) }

  @inline(__always)
  private func slopeRest(_ index: Int) -> Float {
    f.gradient(Lanes(repeating: dy[index]), at: Lanes(repeating: y[index]))[0]
  }

  @inline(__always)
  func first(_ index: Int, _ place: Int) -> Lanes {
    let g = slope(index)
    output?.put(g, at: index)
    return g
  }

  @inline(__always)
  func firstRest(_ index: Int, _ place: Int) -> Float {
    let g = slopeRest(index)
    output?.put(g, at: index)
    return g
  }

  @inline(__always)
  func again(_ index: Int, _ place: Int) -> Lanes { isStored ? target!.pointer.streamedLanes(at: index) : slope(index) }

  @inline(__always)
  func againRest(_ index: Int, _ place: Int) -> Float { isStored ? target!.pointer[index] : slopeRest(index) }
}
