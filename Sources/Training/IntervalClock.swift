import Compute
import Foundation

/// Where the time of the steps between two reports went.
struct IntervalClock {
  private let globalBatch: Int
  private let began = now()
  private var started = now()
  private var dataSeconds = 0.0
  private var computeSeconds = 0.0
  private var exposedSeconds = 0.0
  private var samples = 0
  private var lossSum = 0.0
  private var steps = 0
  /// Seconds of the slowest step so far, without the first, which warms up.
  private(set) var slowestStep = 0.0
  private var lastStep: UInt64?

  init(globalBatch: Int) { self.globalBatch = globalBatch }

  mutating func measuringData<Result>(_ body: () throws -> Result) rethrows -> Result {
    let start = now()
    defer { dataSeconds += Double(now() - start) * 1e-9 }
    return try body()
  }

  mutating func add(_ outcome: GradientStep.Outcome, samples: Int) {
    let moment = now()
    if let lastStep { slowestStep = max(slowestStep, Double(moment - lastStep) * 1e-9) }
    lastStep = moment
    computeSeconds += outcome.computeSeconds
    exposedSeconds += outcome.exposedSeconds
    self.samples += samples
    lossSum += outcome.loss
    steps += 1
  }

  mutating func restart() {
    // What comes between reports, such as an evaluation, is no part of a step.
    lastStep = nil
    started = now()
    (dataSeconds, computeSeconds, exposedSeconds, samples, lossSum, steps) = (0, 0, 0, 0, 0, 0)
  }

  /// This rank's figures: seconds of compute, exposed communication and data.
  var own: [Double] { [computeSeconds, exposedSeconds, dataSeconds] }

  /// - Parameter all: the `own` of every rank, as little-endian bytes.
  func report(
    _ all: [[UInt8]], hosts: [String], step: Int, totalSteps: Int, epoch: Int, totalEpochs: Int, rate: Double
  ) -> StepReport {
    let figures = all.map { bytes in
      (0..<3).map { index in
        Double(bitPattern: bytes[8 * index..<8 * index + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) })
      }
    }
    func mean(_ index: Int) -> Double { figures.reduce(0) { $0 + $1[index] } / Double(figures.count) }
    let elapsed = Double(now() - started) * 1e-9, total = Double(now() - began) * 1e-9
    let slowest = figures.indices.max { figures[$0][0] < figures[$1][0] } ?? 0
    // Whoever computes for less time than the slowest waits for the difference in the first sum that needs it.
    let waiting = min(figures[slowest][0] - mean(0), mean(1))
    let known = mean(0) + mean(1) + mean(2)
    let split = StepReport.Split(
      compute: mean(0), exposedCommunication: mean(1) - waiting, waiting: waiting, data: mean(2),
      other: max(0, elapsed - known), slowestRank: slowest, slowestHost: hosts[slowest])
    return StepReport(
      step: step, totalSteps: totalSteps, epoch: epoch, totalEpochs: totalEpochs, loss: lossSum / Double(max(steps, 1)),
      learningRate: rate, imagesPerSecond: Double(samples) / max(elapsed, 1e-9), split: split, secondsElapsed: total,
      secondsLeft: steps == 0 ? nil : elapsed / Double(steps) * Double(totalSteps - step))
  }
}
