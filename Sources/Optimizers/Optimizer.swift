import Compute

/// An update rule. Read this file first: parameters, gradients and each moment are one flat block, and a rule passes
/// over them once.
///
/// All workers of a team enter a pass together; it neither begins nor ends with a barrier. The rules work element by
/// element, or with norms that are summed in a fixed order, so the result is bitwise the same for any number of
/// workers.
public protocol Optimizer: Sendable {
  /// The name in the catalogue.
  var name: String { get }

  /// The blocks beside the parameters that the rule keeps from step to step, all zero at the start, by the names that
  /// PyTorch's state dictionary gives them.
  var stateBlocks: [String] { get }

  /// Whether the rule needs the norms of whole tensors, and so two passes: `measure`, then `update`.
  var takesTensorNorms: Bool { get }

  /// Whether it has a momentum, or a β1, that a schedule can move.
  var hasMomentum: Bool { get }

  /// The first pass of a rule that `takesTensorNorms`: measures tensors, and replaces the state already if it likes.
  func measure(_ call: UpdateCall, _ worker: Worker)

  /// Replaces parameters and state by those of the next step.
  func update(_ call: UpdateCall, _ worker: Worker)
}

extension Optimizer {
  public var takesTensorNorms: Bool { false }
  public func measure(_ call: UpdateCall, _ worker: Worker) {}

  /// The whole update, where all parameters are one part.
  public func step(_ call: UpdateCall, _ worker: Worker) {
    if takesTensorNorms {
      measure(call, worker)
      worker.barrier()
      call.tensorNorms.finish(worker)
      worker.barrier()
    }
    update(call, worker)
  }
}

/// The arguments of one update.
public struct UpdateCall: @unchecked Sendable {
  public let layout: ParameterLayout
  public let parameters: UnsafeMutablePointer<Float>
  public let gradients: UnsafePointer<Float>
  /// One block for each of the rule's `stateBlocks`, in their order, laid out as the parameters.
  public let states: [UnsafeMutablePointer<Float>]
  /// The number of updates before this one.
  public let step: Int
  /// The learning rate of this step, to which each group's `rateScale` is a factor.
  public let rate: Double
  /// A factor to every gradient, from clipping by norm.
  public let gradientScale: Float
  /// The bound to every gradient's magnitude after scaling, from clipping by value; infinite for none.
  public let gradientLimit: Float
  /// The momentum or β1 of this step, where the schedule moves it; otherwise it is the rule's own.
  public let momentum: Double?
  private let norms: TensorNorms?
  /// Which of the parts that `norms` knows this is, and where in the block it begins.
  let part: Int
  let origin: Int

  /// - Parameters:
  ///   - norms: for a rule that takes them.
  ///   - part: which of the parts that `norms` was made for this is.
  ///   - origin: where in the block the part begins.
  public init(
    layout: ParameterLayout, parameters: UnsafeMutablePointer<Float>, gradients: UnsafePointer<Float>,
    states: [UnsafeMutablePointer<Float>], step: Int, rate: Double, gradientScale: Float = 1,
    gradientLimit: Float = .infinity, momentum: Double? = nil, norms: TensorNorms? = nil,
    part: Int = 0, origin: Int = 0
  ) {
    self.layout = layout
    self.parameters = parameters
    self.gradients = gradients
    self.states = states
    self.step = step
    self.rate = rate
    self.gradientScale = gradientScale
    self.gradientLimit = gradientLimit
    self.momentum = momentum
    self.norms = norms
    self.part = part
    self.origin = origin
  }

  /// Where a rule that `takesTensorNorms` takes them.
  var tensorNorms: TensorNorms {
    guard let norms else { preconditionFailure("an update without the tensors' norms that its rule takes") }
    return norms
  }
}

extension UpdateCall {
  /// Runs `body` on sixteen or fewer elements at a time, over the tiles that `worker` is dealt: offset, count, group.
  @inline(__always)
  func forEachLanes(_ worker: Worker, _ body: (Int, Int, ParameterGroup) -> Void) {
    for tile in worker.ranges(layout.extent, by: ParameterLayout.tileElements) {
      layout.forEachSpan(in: tile) { span, group in
        var offset = span.lowerBound
        while offset + 16 <= span.upperBound {
          body(offset, 16, group)
          offset += 16
        }
        if offset < span.upperBound { body(offset, span.upperBound - offset, group) }
      }
    }
  }

  /// The gradients from `offset` on, scaled and bounded. A gradient that is not a number stays one.
  @inline(__always)
  func gradient(at offset: Int, _ count: Int) -> Lanes {
    (gradients.load(at: offset, count) * gradientScale).limited(-gradientLimit, gradientLimit)
  }
}

extension UnsafePointer<Float> {
  /// Lanes from `offset` on: the whole sixteen, for which the compiler drops the test, or the last few.
  @inline(__always)
  func load(at offset: Int, _ count: Int) -> Lanes {
    count == 16 ? lanes(at: offset) : lanes(at: offset, count: count)
  }
}

extension UnsafeMutablePointer<Float> {
  @inline(__always)
  func load(at offset: Int, _ count: Int) -> Lanes { UnsafePointer(self).load(at: offset, count) }

  @inline(__always)
  func put(_ lanes: Lanes, at offset: Int, _ count: Int) {
    if count == 16 { store(lanes, at: offset) } else { store(lanes, at: offset, count: count) }
  }
}
