import Compute

/// Any two shapes that broadcast: the slow twin of the fast paths.
extension BroadcastOperator {
  /// Row by row of the result's last axis, along which an operand is either contiguous or one value.
  func forwardGeneral(_ a: TensorView, _ b: TensorView, _ y: TensorView, _ worker: Worker) {
    let outerAxes = 0..<y.shape.rank - 1, width = y.shape.channels
    let aRows = StridedAxes(of: a.shape, broadcastTo: y.shape, axes: outerAxes)
    let bRows = StridedAxes(of: b.shape, broadcastTo: y.shape, axes: outerAxes)
    let aIsRow = a.shape.channels == width, bIsRow = b.shape.channels == width
    let a = a.pointer, b = b.pointer, y = y.pointer
    for rows in worker.ranges(aRows.count, by: max(1, 16_384 / width)) {
      for row in rows {
        let aStart = aRows.offset(of: row), bStart = bRows.offset(of: row)
        inLanes(0..<width) { at, count in
          let x = aIsRow ? a.lanes(at: aStart + at, first: count) : Lanes(repeating: a[aStart])
          let z = bIsRow ? b.lanes(at: bStart + at, first: count) : Lanes(repeating: b[bStart])
          y.store(Self.value(x, z), at: row * width + at, first: count)
        }
      }
    }
  }

  func backwardGeneral(_ call: BackwardCall, _ dy: TensorView, _ worker: Worker) {
    // da may lie in dy's memory, so b, which sums over dy, comes first.
    if let db = call.inputGradients[1] {
      gather(db, input: 1, call, dy, worker)
      worker.barrier()
    }
    if let da = call.inputGradients[0] { gather(da, input: 0, call, dy, worker) }
  }

  /// Each element of the gradient collects its terms: no two workers write to the same place.
  private func gather(_ target: GradientTarget, input: Int, _ call: BackwardCall, _ dy: TensorView, _ worker: Worker) {
    let shape = target.view.shape, missing = dy.shape.rank - shape.rank
    let own = StridedAxes(dy.shape) { $0 >= missing && shape[$0 - missing] != 1 }
    let repeated = StridedAxes(dy.shape) { $0 < missing || shape[$0 - missing] == 1 }
    let everything = 0..<dy.shape.rank
    let aAxes = StridedAxes(of: call.inputs[0].shape, broadcastTo: dy.shape, axes: everything)
    let bAxes = StridedAxes(of: call.inputs[1].shape, broadcastTo: dy.shape, axes: everything)
    let a = call.inputs[0].pointer, b = call.inputs[1].pointer, dy = dy.pointer
    for range in worker.ranges(own.count, by: max(1, 4_096 / repeated.count)) {
      for element in range {
        let start = own.offset(of: element)
        var total = 0.0
        for step in 0..<repeated.count {
          let at = start + repeated.offset(of: step)
          let slope = Lanes(repeating: dy[at])
          let x = Self.readsOperands ? Lanes(repeating: a[aAxes.offset(of: at)]) : slope
          let z = Self.readsOperands ? Lanes(repeating: b[bAxes.offset(of: at)]) : slope
          total += Double((input == 0 ? Self.gradientA(slope, x, z) : Self.gradientB(slope, x, z))[0])
        }
        target.put(Float(total), at: element)
      }
    }
  }
}
