import Compute

/// A function of two tensors, element by element, with NumPy's broadcasting: y = f(a, b).
///
/// Extents are equal or one of them is 1; missing leading extents count as 1. The gradient of a broadcast input is
/// summed over the axes along which it was repeated. Conforming types give the function and its derivatives on sixteen
/// lanes.
public protocol BroadcastOperator: Operator {
  /// The verb of its error sentence: cannot `add` … and ….
  static var verb: String { get }
  /// Whether the derivatives read a and b; where they do not, ∂f/∂a is 1.
  static var readsOperands: Bool { get }
  static func value(_ a: Lanes, _ b: Lanes) -> Lanes
  /// dy · ∂f/∂a
  static func gradientA(_ dy: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes
  /// dy · ∂f/∂b
  static func gradientB(_ dy: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes
}

extension BroadcastOperator {
  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    guard let shape = Shape.broadcast(inputs[0], inputs[1]) else {
      throw ShapeError(
        "cannot \(Self.verb) \(inputs[0]) and \(inputs[1]): extents must be equal or 1, from the last one on")
    }
    return [shape]
  }

  public var keeps: Kept { Self.readsOperands ? Kept(inputs: [0, 1]) : .nothing }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    guard pass == .backward, let gate = Gate(inputs[0], inputs[1], outputs[0]) else { return Scratch() }
    return Scratch(shared: gate.axes.partialCount)
  }

  public var inPlace: InPlace { InPlace(forward: 0, backward: 0) }

  public var isCheapToRepeat: Bool { true }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let a = call.inputs[0], b = call.inputs[1], y = call.outputs[0]
    if a.count == y.count && b.count == y.count {
      let a = a.pointer, b = b.pointer, y = StreamedOutput(y, besides: a, b)
      for range in worker.ranges(call.outputs[0].count, by: 16_384) {
        inLanes(range) { index, count in
          let value = Self.value(a.streamedLanes(at: index, first: count), b.streamedLanes(at: index, first: count))
          y.put(value, at: index, first: count)
        }
      }
    } else if let gate = Gate(a.shape, b.shape, y.shape) {
      forward(gate, a.pointer, b.pointer, y, worker)
    } else {
      forwardGeneral(a, b, y, worker)
    }
  }

  /// da = dy · ∂f/∂a and db = dy · ∂f/∂b, each summed over the axes along which that input was repeated.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0] else { return }
    let a = call.inputs[0], b = call.inputs[1]
    if a.count == dy.count && b.count == dy.count {
      backwardSame(call, dy.pointer, worker)
    } else if let gate = Gate(a.shape, b.shape, dy.shape) {
      backward(gate, call, dy.pointer, worker)
    } else {
      backwardGeneral(call, dy, worker)
    }
  }

  private func backwardSame(_ call: BackwardCall, _ dy: UnsafeMutablePointer<Float>, _ worker: Worker) {
    let a = call.inputs[0].pointer, b = call.inputs[1].pointer
    // Of a sum or difference the gradient at a is dy: where it takes dy's place it is there already.
    let isDone = !Self.readsOperands && call.inputGradients[0]?.pointer == dy
    let da = isDone ? nil : call.inputGradients[0], db = call.inputGradients[1]
    guard da != nil || db != nil else { return }
    let first = da.map { StreamedOutput($0, besides: dy, a, b) }
    let second = db.map { StreamedOutput($0, besides: dy, a, b) }
    for range in worker.ranges(call.inputs[0].count, by: 16_384) {
      inLanes(range) { index, count in
        let slope = dy.streamedLanes(at: index, first: count)
        let x = Self.readsOperands ? a.streamedLanes(at: index, first: count) : slope
        let z = Self.readsOperands ? b.streamedLanes(at: index, first: count) : slope
        second?.put(Self.gradientB(slope, x, z), at: index, first: count)
        first?.put(Self.gradientA(slope, x, z), at: index, first: count)
      }
    }
  }
}

/// One input has the result's shape, the other is repeated along neighbouring axes: a gate over channels or over
/// pixels, a bias, a scalar.
struct Gate {
  let axes: RepeatedAxes
  /// Which input is repeated.
  let small: Int

  init?(_ a: Shape, _ b: Shape, _ result: Shape) {
    guard a.count == result.count || b.count == result.count else { return nil }
    small = a.count == result.count ? 1 : 0
    let shape = small == 1 ? b : a
    let missing = result.rank - shape.rank
    guard let axes = RepeatedAxes(result, { $0 < missing || shape[$0 - missing] == 1 }) else { return nil }
    self.axes = axes
  }
}
