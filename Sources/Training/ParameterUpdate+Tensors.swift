import Communication
import Compute
import Optimizers

/// What looks at whole tensors, and at whole output units, where a rank may have the gradients and moments of a part of
/// them alone.
extension ParameterUpdate {
  /// Clips the gradients of each output unit, where that is asked for. All ranks that share the update out call this
  /// together.
  func clipUnits(over queue: ReductionQueue?) throws {
    guard let clipping = adaptiveClipping else { return }
    if shards != nil, let queue {
      clipping.collect(state.gradients.pointer)
      try sum("gradients of shared units", clipping.shared, over: queue)
    }
    team.run { [state] worker in
      clipping.clip(state.gradients.pointer, of: UnsafePointer(state.values.pointer), worker)
    }
  }

  /// The first pass of a rule that takes the norms of tensors, over this rank's parts, and the norms from those of all
  /// ranks. Collective.
  func measureTensors(_ calls: [UpdateCall], over queue: ReductionQueue) throws {
    guard let norms = tensorNorms else { return }
    norms.clear()
    for call in calls { team.run { [optimizer] worker in optimizer.measure(call, worker) } }
    try sum("shared pieces of tensors", norms.shared, over: queue)
    // Every rank has the whole pieces now; one of them counts.
    if queue.rank == 0 { norms.sumShared() }
    nonisolated(unsafe) let sums = norms.sums
    try queue.run("norms of tensors") { try $0.allReduce("norms of tensors", sums, .sum) }
    team.run { worker in norms.finish(worker) }
  }

  /// Adds up over the ranks what is zero on all but one, which is exact.
  private func sum(_ name: String, _ values: UnsafeMutableBufferPointer<Float>, over queue: ReductionQueue) throws {
    guard let memory = values.baseAddress, !values.isEmpty else { return }
    nonisolated(unsafe) let shared = memory
    let count = values.count
    try queue.wait(queue.perform(name) { try $0.allReduce(name, shared, count: count) })
  }
}
