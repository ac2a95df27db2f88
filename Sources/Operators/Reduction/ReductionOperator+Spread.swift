import Compute

/// The backward pass of a reduction whose derivative at an element follows from that element and the result alone.
extension ReductionOperator {
  /// dx = slope(dy, x, y), where dy and y are repeated along the reduced axes.
  /// - Parameter x: `nil` when the slope does not read it; likewise `y`.
  @inline(__always)
  func spread(
    _ call: BackwardCall, x: UnsafeMutablePointer<Float>?, y: UnsafeMutablePointer<Float>?, _ worker: Worker,
    _ slope: (_ dy: Lanes, _ x: Lanes, _ y: Lanes) -> Lanes
  ) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0]?.pointer else { return }
    let shape = call.inputs[0].shape
    let x = x ?? dy, y = y ?? dy
    let readsX = x != dy
    guard let layout = RepeatedAxes(shape, { reduces($0, of: shape) }) else {
      spreadGeneral(dx, dy, x, y, readsX, worker, slope)
      return
    }
    for index in worker.tiles(layout.tileCount) {
      let tile = layout.tile(index)
      for outer in tile.outers {
        if layout.inner == 1 {
          let start = outer * layout.repeats
          let dyHere = Lanes(repeating: dy[outer]), yHere = Lanes(repeating: y[outer])
          inLanes(start + tile.repeats.lowerBound..<start + tile.repeats.upperBound) { at, count in
            let xHere = readsX ? x.lanes(at: at, first: count) : dyHere
            dx.put(slope(dyHere, xHere, yHere), at: at, first: count)
          }
        } else {
          let own = outer * layout.inner
          for row in tile.repeats {
            let start = (outer * layout.repeats + row) * layout.inner
            inLanes(tile.inner) { channel, count in
              let dyHere = dy.lanes(at: own + channel, first: count), yHere = y.lanes(at: own + channel, first: count)
              let xHere = readsX ? x.lanes(at: start + channel, first: count) : dyHere
              dx.put(slope(dyHere, xHere, yHere), at: start + channel, first: count)
            }
          }
        }
      }
    }
  }

  @inline(__always)
  private func spreadGeneral(
    _ dx: GradientTarget, _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>,
    _ y: UnsafeMutablePointer<Float>, _ readsX: Bool, _ worker: Worker,
    _ slope: (_ dy: Lanes, _ x: Lanes, _ y: Lanes) -> Lanes
  ) {
    let shape = dx.view.shape
    let own = StridedAxes(shape) { !reduces($0, of: shape) }
    let reduced = StridedAxes(shape) { reduces($0, of: shape) }
    for range in worker.ranges(own.count, by: max(1, 4_096 / reduced.count)) {
      for element in range {
        let start = own.offset(of: element)
        let dyHere = Lanes(repeating: dy[element]), yHere = Lanes(repeating: y[element])
        for step in 0..<reduced.count {
          let at = start + reduced.offset(of: step)
          dx.put(slope(dyHere, readsX ? Lanes(repeating: x[at]) : dyHere, yHere)[0], at: at)
        }
      }
    }
  }

  /// The number of elements that one result stands for.
  func reducedCount(_ shape: Shape) -> Int {
    var count = 1
    for axis in 0..<shape.rank where reduces(axis, of: shape) { count *= shape[axis] }
    return count
  }
}
