import Communication
import Testing
import Training

@Suite struct StepPredictionTests {
  /// 1 ms a message and 1 MB/s on two ranks: a sum of n kB takes 2 ms + n ms.
  private let link = LinkModel(lines: [LinkLine(latencySeconds: 1e-3, bytesPerSecond: 1e6)])

  /// Forward until 100 ms, buckets final at 120, 125 and 200 ms, where the backward pass ends; update 10 ms.
  private let computation = StepComputation(
    bucketReadySeconds: [0.120, 0.125, 0.200], gradientSeconds: 0.200, updateSeconds: 0.010)

  /// By hand: bucket 0 runs 120-142, bucket 1 waits for it and runs 142-174, bucket 2 runs 200-207, the loss until 208.
  @Test func `Buckets run one after the other behind the backward pass`() {
    let step = StepPrediction(computation, bucketBytes: [20_000, 30_000, 5000], link: link, ranks: 2)
    #expect(abs(step.exposedSeconds - 0.008) < 1e-12)
    #expect(abs(step.stepSeconds - 0.218) < 1e-12)
    #expect(abs(step.communicationSeconds - (0.022 + 0.032 + 0.007 + 0.002)) < 1e-12)
    #expect(abs(step.efficiency - 0.210 / 0.218) < 1e-12)
    #expect(step.bytesSent == 55_000)
  }

  /// By hand: 120-222, 222-254, 254-261, the loss until 262: 62 ms that nothing hides.
  @Test func `A bucket that is late delays those behind it`() {
    let step = StepPrediction(computation, bucketBytes: [100_000, 30_000, 5000], link: link, ranks: 2)
    #expect(abs(step.exposedSeconds - 0.062) < 1e-12)
    #expect(abs(step.stepSeconds - 0.272) < 1e-12)
  }

  /// Four ranks: a sum of n kB takes 4 ms + 1.5 n ms, the loss 2 ms. By hand: 120-154, 154-203, 203-214.5, 216.5.
  @Test func `More ranks pay more messages`() {
    let step = StepPrediction(computation, bucketBytes: [20_000, 30_000, 5000], link: link, ranks: 4)
    #expect(abs(step.exposedSeconds - 0.0165) < 1e-12)
    #expect(step.bytesSent == 82_500)
  }

  /// Half as fast until 200 ms. By hand: 120-164, of 32 ms 18 until 200 and 14 after it, 214-221, the loss until 222.
  @Test func `Sums beside the workers take longer, those after them do not`() {
    let step = StepPrediction(
      computation, bucketBytes: [20_000, 30_000, 5000], link: link, ranks: 2, slowdown: 2)
    #expect(abs(step.exposedSeconds - 0.022) < 1e-12)
    #expect(abs(step.communicationSeconds - (0.001 + 0.044 + 0.050 + 0.007 + 0.001)) < 1e-12)
  }

  @Test func `One rank sends nothing`() {
    let step = StepPrediction(computation, bucketBytes: [20_000, 30_000, 5000], link: link, ranks: 1)
    #expect(step.stepSeconds == computation.seconds && step.exposedSeconds == 0 && step.efficiency == 1)
    #expect(step.bytesSent == 0 && step.communicationSeconds == 0)
  }

  @Test func `Replicas of a rank run one after the other`() {
    let twice = computation.repeated(2)
    #expect(twice.gradientSeconds == 0.4 && twice.updateSeconds == 0.010)
    #expect(abs(twice.bucketReadySeconds[0] - 0.320) < 1e-12)
    #expect(abs(computation.scaled(toSeconds: 0.42).bucketReadySeconds[0] - 0.240) < 1e-12)
  }
}
