/// Post-local SGD (Lin, Stich, Patel, Jaggi; ICLR 2020, section 3): from some step on each rank updates its own parameters
/// with its own gradients, and only every so many steps all take the mean of parameters, moments and running statistics.
///
/// The mean is also taken before an evaluation, a checkpoint and the end, so that what is judged and stored is the model
/// of all ranks; a request to stop waits for the next mean, so that a resumed run goes on as an unbroken one.
struct LocalSteps: Hashable {
  /// Steps from mean to mean; 1 for gradients that are summed in every step.
  let every: Int
  /// Steps before the first that is local.
  let start: Int

  /// Whether the step with `step` steps before it is one that each rank takes for itself.
  func isLocal(_ step: Int) -> Bool { every > 1 && step >= start }

  /// Whether the mean is due when `step` steps are done.
  func isDue(after step: Int) -> Bool { isLocal(step - 1) && (step - start) % every == 0 }
}
