import ArgumentParser
import Communication
import Compute
import Foundation
import Training

/// `trainer doctor`: whether the machines give what they could, under the launcher that will start the training.
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look at processors, threads, binding, rates, link and disk, and say how to start.",
    discussion: """
      Examples: trainer doctor
                mpirun -n 2 trainer doctor
                mpirun -n 2 trainer doctor configs/quickstart.yaml --output /scratch/runs

      Under mpirun it sees what a training would see, on every rank; rank 0 prints. Rates are measured with one worker \
      alone on each machine, then with the workers of all ranks at once. Sums over ranks are compared with the line \
      that single messages lie on. It takes about ten seconds. The last lines say what costs speed, and how to start.
      """)

  @Argument(help: "A run file (YAML), then settings: its checkpoints are what the disk must have room for.")
  var runAndSettings: [String] = []

  @Option(help: "The folder that results would go to.")
  var output = "runs"

  @Flag(help: "One JSON object.")
  var json = false

  @Option(help: "How long each of four rates is measured.")
  var seconds = 1.0

  func validate() throws {
    guard (0.01...600).contains(seconds) else {
      throw ValidationError("--seconds: wanted a number from 0.01 to 600, found \(seconds)")
    }
  }

  func run() throws {
    try Job.start { job in
      let start = now()
      let experiment = try runAndSettings.isEmpty ? nil : job.experiment(try job.runFile(runAndSettings))
      let report = try JobReport(
        over: job.communicator, seconds: seconds, build: job.build, folder: output,
        checkpointBytes: try experiment?.checkpointBytes ?? DiskRate.usualCheckpointBytes)
      guard job.communicator.rank == 0 else { return .success }
      let told = DoctorReport(
        report, runFile: runAndSettings.first ?? "RUN.yaml", seconds: Double(now() - start) * 1e-9)
      print(
        json ? try jsonText(told) : told.text(NodeDrawing.drawings(report)), terminator: json ? "\n" : "")
      // Also where something costs speed: mpirun would bury the verdict under sentences of its own.
      return .success
    }
  }
}
