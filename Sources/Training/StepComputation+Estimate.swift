import Graphs

extension StepComputation {
  /// The course of a step that takes `seconds` in all, guessed from what its plan counts: for a step that was timed
  /// elsewhere as a whole.
  ///
  /// A step's weight is its multiply-adds and four for each byte moved, about what processors do of either in the same
  /// time; the update moves five blocks of the parameters' size.
  public init(of plan: Plan, seconds: Double) {
    let program = plan.program
    var passed = 0.0, ends: [Double] = []
    for step in program.steps {
      passed += Double(program.multiplyAdds(of: step) + 4 * program.bytesMoved(by: step))
      ends.append(passed)
    }
    let update = Double(4 * 5 * plan.layout.count * MemoryLayout<Float>.stride)
    self = StepComputation(
      bucketReadySeconds: plan.bucketClosings.map { ends.isEmpty ? 0 : ends[$0] }, gradientSeconds: passed,
      updateSeconds: update
    ).scaled(toSeconds: seconds)
  }
}
