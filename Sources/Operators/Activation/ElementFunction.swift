import Compute

/// An operator y = f(x) that treats every element alike: an activation states f and its chain rule on sixteen elements,
/// and everything else is here. Any shape.
///
/// Both passes read and write each element once; the compiler specialises the loops for each function.
public protocol ElementFunction: Operator {
  /// Whether the derivative is computed from x, from y or from neither; what it does not read is not kept.
  static var derivativeReads: DerivativeArgument { get }

  /// f(x).
  func value(_ x: Lanes) -> Lanes

  /// dx = dy f'(x), where `argument` is x or y as `derivativeReads` says (anything when it is neither).
  func gradient(_ dy: Lanes, at argument: Lanes) -> Lanes
}

/// The end of an element-wise function that its derivative is computed from.
public enum DerivativeArgument: Sendable { case input, output, neither }

extension ElementFunction {
  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] { [inputs[0]] }

  public var keeps: Kept {
    switch Self.derivativeReads {
    case .input: Kept(inputs: [0])
    case .output: Kept(outputs: [0])
    case .neither: .nothing
    }
  }

  public var inPlace: InPlace { InPlace(forward: 0, backward: 0) }

  public var isCheapToRepeat: Bool { true }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let x = call.inputs[0].pointer, y = StreamedOutput(call.outputs[0], besides: x)
    for range in worker.ranges(call.outputs[0].count, by: 16_384) {
      inLanes(range) { index, count in
        y.put(value(x.streamedLanes(at: index, first: count)), at: index, first: count)
      }
    }
  }

  /// dx = dy f'(x).
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0]?.pointer else { return }
    let argument =
      switch Self.derivativeReads {
      case .input: call.inputs[0].pointer
      case .output: call.outputs[0].pointer
      case .neither: dy
      }
    let target = StreamedOutput(dx, besides: dy, argument)
    for range in worker.ranges(call.outputs[0].count, by: 16_384) {
      inLanes(range) { index, count in
        let slope = dy.streamedLanes(at: index, first: count)
        target.put(gradient(slope, at: argument.streamedLanes(at: index, first: count)), at: index, first: count)
      }
    }
  }
}
