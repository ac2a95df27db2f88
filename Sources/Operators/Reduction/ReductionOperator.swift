import Compute

/// One number for all elements along some axes, which stay with extent 1: y = f({x}).
///
/// A conforming type names the running state of its sum, maximum or whatever it is, on sixteen lanes; the walk over the
/// tensor is here. Axes that lie side by side are read tile by tile; the tiles' states are merged in their order, so
/// the result depends neither on the number of workers nor, beyond a few roundings, on the length of the axes. Other
/// sets of axes take the general path.
public protocol ReductionOperator: Operator {
  associatedtype State: ReductionState
  /// The axes to reduce; negative ones count from the end.
  var axes: [Int] { get }
  /// The result from the state of all elements; `count` of them.
  static func result(_ state: State, count: Int) -> Lanes
}

/// Sixteen running reductions side by side, in two registers.
public protocol ReductionState {
  var first: Lanes { get }
  var second: Lanes { get }
  init(first: Lanes, second: Lanes)
  /// The state of no elements. `absent` is an element that changes no state.
  static var empty: Self { get }
  static var absent: Float { get }
  /// Takes one element more in every lane; `positions` are theirs along the reduced axes, and grow.
  mutating func take(_ x: Lanes, at positions: Lanes)
  /// Takes the elements of another state, which come after its own in memory or lie between them.
  mutating func merge(_ other: Self)
  /// The one state, in lane 0, of all sixteen. The default is a tree of merges, lane by lane.
  func acrossLanes() -> Self
}

extension ReductionState {
  @inline(__always)
  public func acrossLanes() -> Self {
    var state = self
    var half = 8
    while half > 0 {
      var first = Lanes(repeating: 0), second = Lanes(repeating: 0)
      for lane in 0..<half {
        first[lane] = state.first[lane + half]
        second[lane] = state.second[lane + half]
      }
      state.merge(Self(first: first, second: second))
      half /= 2
    }
    return state
  }
}

extension ReductionOperator {
  public var isCheapToRepeat: Bool { true }

  /// Whether an axis of `shape` is reduced.
  func reduces(_ axis: Int, of shape: Shape) -> Bool {
    for own in axes where (own < 0 ? shape.rank + own : own) == axis { return true }
    return false
  }

  /// The shape with the reduced axes at extent 1.
  /// - Throws: `ShapeError` when an axis is not one of the input's.
  func reducedShape(_ shape: Shape) throws(ShapeError) -> Shape {
    for axis in axes where axis >= shape.rank || axis < -shape.rank {
      throw ShapeError("cannot reduce \(shape) over axis \(axis): it has axes 0 to \(shape.rank - 1)")
    }
    var result = shape
    for axis in 0..<shape.rank where reduces(axis, of: shape) { result[axis] = 1 }
    return result
  }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] { [try reducedShape(inputs[0])] }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    guard pass == .forward, let layout = RepeatedAxes(inputs[0], { reduces($0, of: inputs[0]) }) else {
      return Scratch()
    }
    return Scratch(shared: 2 * layout.partialCount)
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) { reduce(call, worker) }

  /// The forward pass; output 1, where there is one, gets the state's second register.
  func reduce(_ call: ForwardCall, _ worker: Worker) {
    let x = call.inputs[0], y = call.outputs[0]
    let second = call.outputs.count > 1 ? call.outputs[1].pointer : nil
    if let layout = RepeatedAxes(x.shape, { reduces($0, of: x.shape) }) {
      reduceTiles(layout, x.pointer, call.context.sharedScratch, worker)
      worker.barrier()
      mergeTiles(layout, call.context.sharedScratch, y.pointer, second, worker)
    } else {
      reduceGeneral(x, y.pointer, second, worker)
    }
  }

  private func reduceTiles(
    _ layout: RepeatedAxes, _ x: UnsafeMutablePointer<Float>, _ states: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    for index in worker.tiles(layout.tileCount) {
      let tile = layout.tile(index)
      for outer in tile.outers {
        let first = states + layout.partial(outer, tile.chunk), second = first + layout.partialCount
        if layout.inner == 1 {
          let state = Self.reduceRun(x + outer * layout.repeats, tile.repeats)
          first[0] = state.first[0]
          second[0] = state.second[0]
        } else {
          Self.reduceRows(x + outer * layout.repeats * layout.inner, layout.inner, tile, first, second)
        }
      }
    }
  }

  /// Neighbouring elements: sixteen states, element k in state k mod 16, merged at the end.
  @inline(__always)
  private static func reduceRun(_ x: UnsafeMutablePointer<Float>, _ range: Range<Int>) -> State {
    var state = State.empty
    inLanes(range) { position, count in
      let positions = Lanes.ascending + Float(position)
      if count == 16 {
        state.take(x.streamedLanes(at: position), at: positions)
      } else {
        state.take(x.lanes(at: position, count: count, fill: State.absent), at: positions)
      }
    }
    return state.acrossLanes()
  }

  /// Rows of channels: a state for each channel, kept in L1.
  @inline(__always)
  private static func reduceRows(
    _ x: UnsafeMutablePointer<Float>, _ inner: Int, _ tile: RepeatedAxes.Tile, _ first: UnsafeMutablePointer<Float>,
    _ second: UnsafeMutablePointer<Float>
  ) {
    let empty = State.empty
    inLanes(tile.inner) { channel, count in
      first.store(empty.first, at: channel, first: count)
      second.store(empty.second, at: channel, first: count)
    }
    for row in tile.repeats {
      let positions = Lanes(repeating: Float(row))
      inLanes(tile.inner) { channel, count in
        var state = State(
          first: first.lanes(at: channel, first: count), second: second.lanes(at: channel, first: count))
        state.take(x.streamedLanes(at: row * inner + channel, first: count), at: positions)
        first.store(state.first, at: channel, first: count)
        second.store(state.second, at: channel, first: count)
      }
    }
  }

  private func mergeTiles(
    _ layout: RepeatedAxes, _ first: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ secondOutput: UnsafeMutablePointer<Float>?, _ worker: Worker
  ) {
    let second = first + layout.partialCount, chunks = layout.chunks, stride = layout.partialStride
    let repeats = layout.repeats
    layout.results(worker) { element, partial, count in
      var state = State(first: first.lanes(at: partial, first: count), second: second.lanes(at: partial, first: count))
      for chunk in 1..<max(chunks, 1) {
        let at = partial + chunk * stride
        state.merge(State(first: first.lanes(at: at, first: count), second: second.lanes(at: at, first: count)))
      }
      y.store(Self.result(state, count: repeats), at: element, first: count)
      secondOutput?.store(state.second, at: element, first: count)
    }
  }

  /// Any axes, one result at a time: the slow twin. Stretches of 512 keep the rounding as small as the tiles do.
  private func reduceGeneral(
    _ x: TensorView, _ y: UnsafeMutablePointer<Float>, _ second: UnsafeMutablePointer<Float>?, _ worker: Worker
  ) {
    let shape = x.shape, x = x.pointer
    let own = StridedAxes(shape) { !reduces($0, of: shape) }
    let reduced = StridedAxes(shape) { reduces($0, of: shape) }
    for range in worker.ranges(own.count, by: max(1, 4_096 / reduced.count)) {
      for element in range {
        let start = own.offset(of: element)
        var state = State.empty, step = 0
        while step < reduced.count {
          var stretch = State.empty
          let end = min(step + 512, reduced.count)
          while step < end {
            let value = Lanes(repeating: x[start + reduced.offset(of: step)])
            stretch.take(value, at: Lanes(repeating: Float(step)))
            step += 1
          }
          state.merge(stretch)
        }
        y[element] = Self.result(state, count: reduced.count)[0]
        if let second { second[element] = state.second[0] }
      }
    }
  }
}

extension SIMD16<Float> {
  /// 0, 1, … 15.
  @inline(__always)
  static var ascending: Lanes { Lanes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) }
}
