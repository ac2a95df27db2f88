import Compute

/// Runs a program on memory: `PlanRunner` fast, `Interpreter` plainly. Both give the same bits.
public protocol Runner: AnyObject {
  /// The memory of an input, to be filled before each forward pass.
  func input(_ name: String) -> TensorView
  /// The memory of a result, valid after the pass that computes it until the next run.
  func output(_ name: String) -> TensorView
  /// The memory of a root's gradient, to be filled before each backward pass.
  func seed(_ name: String) -> TensorView
  /// The gradient of an input that asked for one.
  func inputGradient(_ name: String) -> TensorView
  /// The gradient of an output that was asked for, under the output's name.
  func outputGradient(_ name: String) -> TensorView
  /// Runs the forward pass. `random` keys whatever operators draw: (seed, step, replica).
  func forward(random: RandomKey) throws
  /// Runs the backward pass; `bucketReady` is called with each bucket's number as soon as its gradients are final.
  func backward(bucketReady: ((Int) -> Void)?) throws
}
