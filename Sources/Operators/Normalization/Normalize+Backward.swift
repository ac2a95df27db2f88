import Compute

/// The backward pass: first the two sums of every channel, then dx, which needs them.
///
/// Without a residual the passes read dy and x twice and write dx once. With one, g = dy f' is written to the residual's
/// gradient by the first pass and read back by the second; where that gradient already holds something, the second pass
/// computes g again.
extension Normalize {
  @inline(__always)
  func backward(_ function: some ElementFunction, _ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0]?.pointer else { return }
    let own = call.context.scratch(of: worker)
    let slopes = Slopes(function, ChannelAffine(call.inputs, in: own), dy: dy, call)
    let dresidual = hasResidual ? call.inputGradients[5] : nil
    guard hasResidual else {
      return gradients(call, own, worker) { index, place in
        slopes.recomputed(index, place)
      } rest: { index, place in
        slopes.recomputed(index, place)
      } again: { index, place in
        slopes.recomputed(index, place)
      } rest: { index, place in
        slopes.recomputed(index, place)
      }
    }
    if let dresidual, !dresidual.accumulates {
      let g = dresidual.pointer
      gradients(call, own, worker) { index, _ in
        let slope: Lanes = slopes.atOutput(index)
        g.store(slope, at: index)
        return slope
      } rest: { index, _ in
        g[index] = slopes.atOutput(index)
        return g[index]
      } again: { index, _ in
        g.lanes(at: index)
      } rest: { index, _ in
        g[index]
      }
    } else {
      gradients(call, own, worker) { index, _ in
        let slope: Lanes = slopes.atOutput(index)
        dresidual?.put(slope, at: index)
        return slope
      } rest: { index, _ in
        let slope: Float = slopes.atOutput(index)
        dresidual?.put(slope, at: index)
        return slope
      } again: { index, _ in
        slopes.atOutput(index)
      } rest: { index, _ in
        slopes.atOutput(index)
      }
    }
  }

  /// Both passes, given g of the first (asked for once at every element) and of the second.
  @inline(__always)
  private func gradients(
    _ call: BackwardCall, _ own: UnsafeMutablePointer<Float>, _ worker: Worker,
    lanes first: (_ index: Int, _ place: Int) -> Lanes, rest firstRest: (_ index: Int, _ place: Int) -> Float,
    again second: (_ index: Int, _ place: Int) -> Lanes, rest secondRest: (_ index: Int, _ place: Int) -> Float
  ) {
    let x = call.inputs[0].pointer, weight = call.inputs[1].pointer
    let mean = call.inputs[3].pointer, inverses = call.inputs[4].pointer
    let dx = call.inputGradients[0], dweight = call.inputGradients[1], dbias = call.inputGradients[2]
    let period = ChannelPeriod(channels: call.inputs[0].shape.channels)
    let count = call.inputs[0].count, rows = count / period.channels
    let a = call.context.sharedScratch, b = a + period.width, c = b + period.width
    ChannelGradientSums(period: period, rows: rows)(
      mean: mean, partials: c + period.width, own: own + 2 * period.width, worker
    ) { index, place in
      (first(index, place), x.lanes(at: index))
    } rest: { index, place in
      (firstRest(index, place), x[index])
    } total: { channel, plain, centered in
      let inverse = Double(inverses[channel])
      dweight?.put(Float(centered * inverse), at: channel)
      dbias?.put(Float(plain), at: channel)
      let scale = Double(weight[channel]) * inverse, n = Double(rows)
      let slope = -scale * centered * inverse * inverse / n
      period.spread(Float(scale), channel, into: a)
      period.spread(Float(slope), channel, into: b)
      period.spread(Float(-scale * plain / n - slope * Double(mean[channel])), channel, into: c)
    }
    guard let dx else { return }
    worker.barrier()
    for range in worker.ranges(count, by: period.tileFloats) {
      period.visit(range) { index, place in
        let statistics = c.lanes(at: place).addingProduct(b.lanes(at: place), x.lanes(at: index))
        dx.put(statistics.addingProduct(a.lanes(at: place), second(index, place)), at: index)
      } rest: { index, place in
        let statistics = c[place].addingProduct(b[place], x[index])
        dx.put(statistics.addingProduct(a[place], secondRest(index, place)), at: index)
      }
    }
  }
}

/// g = dy f' at an element, where f's argument is computed again from x or its derivative read off y.
private struct Slopes<Function: ElementFunction> {
  let function: Function
  let affine: ChannelAffine
  let dy, x, y: UnsafeMutablePointer<Float>

  @inline(__always)
  init(_ function: Function, _ affine: ChannelAffine, dy: UnsafeMutablePointer<Float>, _ call: BackwardCall) {
    (self.function, self.affine, self.dy) = (function, affine, dy)
    (x, y) = (call.inputs[0].pointer, call.outputs[0].pointer)
  }

  @inline(__always)
  private func gradient(_ dy: Lanes, _ argument: Lanes) -> Lanes {
    function.gradient(dy, at: Function.derivativeReads == .output ? function.value(argument) : argument)
  }

  @inline(__always)
  func recomputed(_ index: Int, _ place: Int) -> Lanes { gradient(dy.lanes(at: index), affine(x.lanes(at: index), place)) }

  @inline(__always)
  func recomputed(_ index: Int, _ place: Int) -> Float {
    gradient(Lanes(repeating: dy[index]), Lanes(repeating: affine(x[index], place)))[0]
  }

  @inline(__always)
  func atOutput(_ index: Int) -> Lanes {
    function.gradient(dy.lanes(at: index), at: Function.derivativeReads == .output ? y.lanes(at: index) : dy.lanes(at: index))
  }

  @inline(__always)
  func atOutput(_ index: Int) -> Float {
    let slope = Lanes(repeating: dy[index])
    return function.gradient(slope, at: Function.derivativeReads == .output ? Lanes(repeating: y[index]) : slope)[0]
  }
}
