/// What the job knows after a training step: the progress line's content.
public struct StepReport: Hashable, Sendable {
  /// Where the wall time of the last interval went: seconds, the job's ranks averaged.
  public struct Split: Hashable, Sendable {
    /// Kernels of the forward and backward pass and the optimizer.
    public var compute: Double
    /// Reductions that nothing was left to hide behind.
    public var exposedCommunication: Double
    /// Standing still until the slowest rank arrived.
    public var waiting: Double
    /// Standing still until the next batch was decoded.
    public var data: Double
    /// What is left: logging, checkpoints, the loop itself.
    public var other: Double
    /// The rank that the others waited for longest, and its host.
    public var slowestRank: Int?
    public var slowestHost: String?

    public init(
      compute: Double, exposedCommunication: Double, waiting: Double, data: Double, other: Double,
      slowestRank: Int? = nil, slowestHost: String? = nil
    ) {
      self.compute = compute
      self.exposedCommunication = exposedCommunication
      self.waiting = waiting
      self.data = data
      self.other = other
      self.slowestRank = slowestRank
      self.slowestHost = slowestHost
    }

    public var total: Double { compute + exposedCommunication + waiting + data + other }
  }

  /// A number that the task calls its own, such as the accuracy of the last evaluation.
  public struct Metric: Hashable, Sendable {
    public var name: String
    public var value: Double
    /// `%`, `dB`; empty where the number has none.
    public var unit: String

    public init(_ name: String, _ value: Double, unit: String = "") {
      self.name = name
      self.value = value
      self.unit = unit
    }
  }

  /// Steps done, of so many in the whole run.
  public var step: Int
  public var totalSteps: Int
  /// The epoch under way, from 1.
  public var epoch: Int
  public var totalEpochs: Int?
  /// The training loss, averaged over the job's batch.
  public var loss: Double
  public var metric: Metric?
  public var learningRate: Double
  /// Of the whole job.
  public var imagesPerSecond: Double
  /// The step's useful arithmetic over what matrix products alone reach on these machines, 0...1.
  public var shareOfPeak: Double?
  public var split: Split?
  /// Since the process started to train.
  public var secondsElapsed: Double
  public var secondsLeft: Double?

  public init(
    step: Int, totalSteps: Int, epoch: Int, totalEpochs: Int? = nil, loss: Double, metric: Metric? = nil,
    learningRate: Double, imagesPerSecond: Double, shareOfPeak: Double? = nil, split: Split? = nil,
    secondsElapsed: Double, secondsLeft: Double? = nil
  ) {
    self.step = step
    self.totalSteps = totalSteps
    self.epoch = epoch
    self.totalEpochs = totalEpochs
    self.loss = loss
    self.metric = metric
    self.learningRate = learningRate
    self.imagesPerSecond = imagesPerSecond
    self.shareOfPeak = shareOfPeak
    self.split = split
    self.secondsElapsed = secondsElapsed
    self.secondsLeft = secondsLeft
  }

  /// Whether this is the run's last step.
  public var isLast: Bool { step >= totalSteps }
}
