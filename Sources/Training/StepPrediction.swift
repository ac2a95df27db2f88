import Communication

/// What one rank computes in a training step, on the clock that starts with the step, while nothing is sent.
public struct StepComputation: Hashable, Sendable, Codable {
  /// When each bucket of gradients is final, in the order in which they are reduced.
  public var bucketReadySeconds: [Double]
  /// When the backward pass ends.
  public var gradientSeconds: Double
  /// What the update takes after that.
  public var updateSeconds: Double

  public init(bucketReadySeconds: [Double], gradientSeconds: Double, updateSeconds: Double) {
    self.bucketReadySeconds = bucketReadySeconds
    self.gradientSeconds = gradientSeconds
    self.updateSeconds = updateSeconds
  }

  /// All of it.
  public var seconds: Double { gradientSeconds + updateSeconds }

  /// The same for a rank that runs several replicas one after the other: buckets are final in the last one's pass.
  public func repeated(_ replicas: Int) -> StepComputation {
    let before = Double(replicas - 1) * gradientSeconds
    return StepComputation(
      bucketReadySeconds: bucketReadySeconds.map { $0 + before }, gradientSeconds: before + gradientSeconds,
      updateSeconds: updateSeconds)
  }

  /// The same course in another time.
  public func scaled(toSeconds total: Double) -> StepComputation {
    let factor = total / seconds
    return StepComputation(
      bucketReadySeconds: bucketReadySeconds.map { $0 * factor }, gradientSeconds: gradientSeconds * factor,
      updateSeconds: updateSeconds * factor)
  }
}

/// How long a training step takes on several ranks, foretold from what one rank computes and from the link.
///
/// It plays the communication thread: buckets are summed one after the other, each from when it is final and the one
/// before is done. At the end stands the sum of the loss, which every step waits for; then comes the update.
///
///     start_i = max(ready_i, end_(i-1)),   end_i = start_i + T(bytes_i, ranks)
///     step = max(backward's end, last end) + update
///
/// T is `LinkModel.allReduceSeconds`, times the slowdown until the backward pass ends: workers and sums share the
/// processors, and a sum waits for the rank that is behind. What the prediction leaves out: what sending takes from the
/// workers and slows down itself, where they were not timed together; the loading of data.
public struct StepPrediction: Hashable, Sendable {
  public let ranks: Int
  /// Both passes and the update of one rank.
  public let computeSeconds: Double
  /// The sums, whether hidden or not.
  public let communicationSeconds: Double
  /// Of these what no backward pass hides.
  public let exposedSeconds: Double
  /// What a rank sends.
  public let bytesSent: Double

  /// The whole step.
  public var stepSeconds: Double { computeSeconds + exposedSeconds }
  /// The part of the ranks' time in which they compute: their images a second over those of as many single ranks.
  public var efficiency: Double { computeSeconds / stepSeconds }

  /// - Parameters:
  ///   - bucketBytes: of each bucket of `computation`.
  ///   - slowdown: how many times as long a sum takes while the workers compute; from 1.
  public init(
    _ computation: StepComputation, bucketBytes: [Int], link: LinkModel, ranks: Int, slowdown: Double = 1
  ) {
    precondition(
      computation.bucketReadySeconds.count == bucketBytes.count,
      "\(computation.bucketReadySeconds.count) times for \(bucketBytes.count) buckets")
    self.ranks = ranks
    computeSeconds = computation.seconds
    guard ranks > 1 else {
      (communicationSeconds, exposedSeconds, bytesSent) = (0, 0, 0)
      return
    }
    let small = link.smallReductionSeconds(ranks: ranks)
    // The step begins with a small sum too, the weight of the loss; it is over long before the first bucket.
    var end = small, busy = small
    for (ready, bytes) in zip(computation.bucketReadySeconds, bucketBytes) {
      let start = max(ready, end), work = link.allReduceSeconds(bytes: bytes, ranks: ranks)
      let beside = min(work, max(computation.gradientSeconds - start, 0) / slowdown)
      end = start + beside * slowdown + (work - beside)
      busy += end - start
    }
    end = max(computation.gradientSeconds, end) + small
    communicationSeconds = busy + small
    exposedSeconds = end - computation.gradientSeconds
    bytesSent = bucketBytes.reduce(0) { $0 + LinkModel.bytesSent(bytes: $1, ranks: ranks) }
  }
}
