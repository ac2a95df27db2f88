import Compute

/// The fast path of a map `[outer, repeats, inner]` and a gate `[outer, inner]`: either is read once, forward and
/// backward.
extension BroadcastOperator {
  @inline(__always)
  private func ordered<Result>(
    _ gate: Gate, _ large: Lanes, _ small: Lanes, _ body: (_ a: Lanes, _ b: Lanes) -> Result
  ) -> Result {
    gate.small == 1 ? body(large, small) : body(small, large)
  }

  func forward(
    _ gate: Gate, _ a: UnsafeMutablePointer<Float>, _ b: UnsafeMutablePointer<Float>, _ y: TensorView, _ worker: Worker
  ) {
    let axes = gate.axes, large = gate.small == 1 ? a : b, small = gate.small == 1 ? b : a
    let y = StreamedOutput(y, rows: axes.vectorRows, besides: a, b)
    for index in worker.tiles(axes.tileCount) {
      let tile = axes.tile(index)
      for outer in tile.outers {
        if axes.inner == 1 {
          let start = outer * axes.repeats, value = Lanes(repeating: small[outer])
          inLanes(start + tile.repeats.lowerBound..<start + tile.repeats.upperBound) { at, count in
            y.put(ordered(gate, large.streamedLanes(at: at, first: count), value, Self.value), at: at, first: count)
          }
        } else {
          for row in tile.repeats {
            let start = (outer * axes.repeats + row) * axes.inner, gateStart = outer * axes.inner
            inLanes(tile.inner) { channel, count in
              let value = small.lanes(at: gateStart + channel, first: count)
              let at = start + channel
              y.put(ordered(gate, large.streamedLanes(at: at, first: count), value, Self.value), at: at, first: count)
            }
          }
        }
      }
    }
  }

  func backward(_ gate: Gate, _ call: BackwardCall, _ dy: UnsafeMutablePointer<Float>, _ worker: Worker) {
    let axes = gate.axes, partials = call.context.sharedScratch
    let dSmall = call.inputGradients[gate.small]
    for index in worker.tiles(axes.tileCount) {
      let tile = axes.tile(index)
      for outer in tile.outers {
        if axes.inner == 1 {
          backwardRun(gate, call, dy, tile, outer)
        } else {
          backwardRows(gate, call, dy, tile, outer)
        }
      }
    }
    guard let dSmall else { return }
    worker.barrier()
    let chunks = axes.chunks, stride = axes.partialStride
    axes.results(worker) { element, partial, count in
      var total = SIMD16<Double>(repeating: 0)
      for chunk in 0..<chunks {
        total += SIMD16<Double>(partials.lanes(at: partial + chunk * stride, first: count))
      }
      dSmall.put(Lanes(total), at: element, first: count)
    }
  }

  /// One gate value over a run of neighbouring elements.
  @inline(__always)
  private func backwardRun(
    _ gate: Gate, _ call: BackwardCall, _ dy: UnsafeMutablePointer<Float>, _ tile: RepeatedAxes.Tile, _ outer: Int
  ) {
    let axes = gate.axes, partials = call.context.sharedScratch
    let large = call.inputs[1 - gate.small].pointer, small = call.inputs[gate.small].pointer
    let wantsSmall = call.inputGradients[gate.small] != nil
    let dLarge = call.inputGradients[1 - gate.small].map {
      StreamedOutput($0, rows: axes.vectorRows, besides: dy, large)
    }
    let value = Lanes(repeating: Self.readsOperands ? small[outer] : 0)
    let start = outer * axes.repeats
    var total = Lanes(repeating: 0)
    inLanes(start + tile.repeats.lowerBound..<start + tile.repeats.upperBound) { at, count in
      let slope = dy.streamedLanes(at: at, first: count)
      let x = Self.readsOperands ? large.streamedLanes(at: at, first: count) : slope
      if wantsSmall { total += smallGradient(gate, slope, x, value) }
      dLarge?.put(largeGradient(gate, slope, x, value), at: at, first: count)
    }
    if wantsSmall { partials[axes.partial(outer, tile.chunk)] = total.total }
  }

  /// A row of gate values for each row of channels.
  @inline(__always)
  private func backwardRows(
    _ gate: Gate, _ call: BackwardCall, _ dy: UnsafeMutablePointer<Float>, _ tile: RepeatedAxes.Tile, _ outer: Int
  ) {
    let axes = gate.axes, sums = call.context.sharedScratch + axes.partial(outer, tile.chunk)
    let large = call.inputs[1 - gate.small].pointer, small = call.inputs[gate.small].pointer
    let wantsSmall = call.inputGradients[gate.small] != nil
    let dLarge = call.inputGradients[1 - gate.small].map {
      StreamedOutput($0, rows: axes.vectorRows, besides: dy, large)
    }
    if wantsSmall {
      inLanes(tile.inner) { channel, count in sums.store(Lanes(repeating: 0), at: channel, first: count) }
    }
    let gateStart = outer * axes.inner
    for row in tile.repeats {
      let start = (outer * axes.repeats + row) * axes.inner
      inLanes(tile.inner) { channel, count in
        let at = start + channel
        let slope = dy.streamedLanes(at: at, first: count)
        let x = Self.readsOperands ? large.streamedLanes(at: at, first: count) : slope
        let value = Self.readsOperands ? small.lanes(at: gateStart + channel, first: count) : slope
        if wantsSmall {
          let sum = sums.lanes(at: channel, first: count) + smallGradient(gate, slope, x, value)
          sums.store(sum, at: channel, first: count)
        }
        dLarge?.put(largeGradient(gate, slope, x, value), at: at, first: count)
      }
    }
  }

  @inline(__always)
  private func smallGradient(_ gate: Gate, _ dy: Lanes, _ large: Lanes, _ small: Lanes) -> Lanes {
    gate.small == 1 ? Self.gradientB(dy, large, small) : Self.gradientA(dy, small, large)
  }

  @inline(__always)
  private func largeGradient(_ gate: Gate, _ dy: Lanes, _ large: Lanes, _ small: Lanes) -> Lanes {
    gate.small == 1 ? Self.gradientA(dy, large, small) : Self.gradientB(dy, small, large)
  }
}
