import Compute
import Graphs
import Operators

/// Activations, element by element; each operator's file has its formula.
extension Tensor {
  public func relu() -> Tensor { applying(ReLU()) }
  public func relu6() -> Tensor { applying(ReLU6()) }
  public func sigmoid() -> Tensor { applying(Sigmoid()) }
  public func hardSigmoid() -> Tensor { applying(HardSigmoid()) }
  public func hardSwish() -> Tensor { applying(HardSwish()) }
  public func silu() -> Tensor { applying(SiLU()) }
  public func gelu(_ approximation: GELU.Approximation = .none) -> Tensor { applying(GELU(approximation: approximation)) }
  public func tanh() -> Tensor { applying(Tanh()) }

  /// e^x / Σ e^x along `axis`; a negative axis counts from the end.
  public func softmax(axis: Int = -1) -> Tensor {
    isValid ? applying(Softmax(axis: axis < 0 ? shape.rank + axis : axis)) : self
  }

  /// The entropy of the softmax along `axis`, which stays with extent 1; a negative axis counts from the end.
  public func softmaxEntropy(axis: Int) -> Tensor { applying(SoftmaxEntropy(axis: axis)) }

  /// Zeroes elements with `probability` in training and scales the others by 1 / (1 - probability); nothing in
  /// inference.
  public func dropout(_ probability: Float) -> Tensor {
    trace.mode == .training && probability > 0 ? applying(Dropout(probability: probability)) : self
  }

  /// Zeroes whole samples with `probability` in training (stochastic depth; Huang et al., ECCV 2016).
  public func dropPath(_ probability: Float) -> Tensor {
    trace.mode == .training && probability > 0 ? applying(DropPath(probability: probability)) : self
  }
}
