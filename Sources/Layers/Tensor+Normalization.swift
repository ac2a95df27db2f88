import Compute
import Graphs
import Operators

extension Tensor {
  /// Batch normalisation over all axes but the channels (Ioffe, Szegedy; ICML 2015): y = γ (x - μ) / sqrt(σ² + ε) + β.
  ///
  /// Training uses the statistics of this replica's batch (of all replicas', where the trace has `replicaSums`) and moves
  /// the running ones by `momentum` towards them (the update factor of PyTorch: running ← (1 - momentum) running +
  /// momentum batch); inference uses the running ones.
  /// Parameters `name.weight`, `name.bias`; buffers `name.running_mean`, `name.running_var`,
  /// `name.num_batches_tracked`.
  /// - Parameter scale: γ at the start: 0 makes the branch that this norm ends vanish.
  public func batchNorm(_ name: String, epsilon: Float = 1e-5, momentum: Float = 0.1, scale: Float = 1) -> Tensor {
    guard isValid else { return self }
    let size: Shape = [channels]
    return trace.scope(name) {
      let weight = trace.parameter("weight", size, initializer: .constant(scale), decays: false)
      let bias = trace.parameter("bias", size, initializer: .constant(0), decays: false)
      let mean = trace.buffer("running_mean", size, initialValue: 0, counter: "num_batches_tracked")
      let variance = trace.buffer("running_var", size, initialValue: 1)
      switch trace.mode {
      case .inference:
        return applying(BatchNormInference(epsilon: epsilon), with: [weight, bias, mean, variance])
      case .training:
        let norm: any Operator =
          trace.replicaSums.map { SynchronizedBatchNorm(epsilon: epsilon, momentum: momentum, over: $0) }
          ?? BatchNorm(epsilon: epsilon, momentum: momentum)
        let results = trace.apply(norm, [self, weight, bias, mean, variance])
        trace.update(buffer: "running_mean", to: results[3])
        trace.update(buffer: "running_var", to: results[4])
        return results[0]
      }
    }
  }

  /// Layer normalisation over the innermost axis (Ba, Kiros, Hinton 2016).
  ///
  /// Parameters `name.weight`, `name.bias`, `[C]`; `fileShape` where the reference stores another shape.
  public func layerNorm(_ name: String, epsilon: Float = 1e-5, fileShape: [Int]? = nil) -> Tensor {
    guard isValid else { return self }
    let layout = FileLayout.same(fileShape ?? [channels])
    return trace.scope(name) {
      let weight = trace.parameter("weight", [channels], fileLayout: layout, initializer: .constant(1), decays: false)
      let bias = trace.parameter("bias", [channels], fileLayout: layout, initializer: .constant(0), decays: false)
      return trace.apply(LayerNorm(epsilon: epsilon), [self, weight, bias])[0]
    }
  }
}
