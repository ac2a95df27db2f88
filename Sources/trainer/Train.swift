import ArgumentParser
import Communication
import Configuration
import Foundation
import Training

/// `trainer train`: trains, alone or as one rank of many.
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a network (the default).",
    discussion: """
      Example: mpirun -n 4 trainer train configs/quickstart.yaml run.epochs=2 data.batch=128 --output runs/try

      Exit code 0: finished; 75: stopped on request after saving (start again with --resume latest); 64: a mistake in \
      the command or run file; 65: data that cannot be used; 74: the disk refused; 1: anything else.
      """)

  @Argument(
    help: "A run file (YAML), then settings that win over it: key.path=value. Without a file: the built-in scenes.")
  var runAndSettings: [String] = []

  @Option(help: "Go on from a checkpoint: `latest` of the run's folder, or the path of one.")
  var resume: String?

  @Flag(help: "One process, node by node, every value looked at; the same bits as the ranks give.")
  var debug = false

  @Option(help: "The folder for results; without it runs/NAME.")
  var output: String?

  @Option(help: "End after this many steps from where the run begins.")
  var steps: Int?

  func run() throws {
    try Job.start(isDebugging: debug) { job in
      let experiment = try job.experiment(try job.runFile(runAndSettings))
      var request = TrainingRun.Request(
        name: job.runName(runAndSettings), build: job.build, progress: job.progressLine())
      request.resume = resume.map { $0 == "latest" ? .latest : .path($0) }
      request.output = output
      request.steps = steps
      request.isDebugging = debug
      request.stop = StopRequest(allocationEnd: LaunchEnvironment().allocationEnd)
      let (ending, summary) = try TrainingRun(experiment, request).run(job.communicator)
      if !summary.isEmpty { print(summary) }
      return ending == .stopped ? .requeue : .success
    }
  }
}
