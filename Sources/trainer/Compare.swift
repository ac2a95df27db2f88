import ArgumentParser
import Attention
import Communication
import Configuration
import Foundation
import Training

/// `trainer compare`: the same run with one attention module after another, and the papers' table of them.
struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train several attention modules alike and compare them in a table and a figure.",
    discussion: """
      Example: mpirun -n 4 trainer compare configs/classification/resnet20-cbam_cifar10.yaml data.root=DATA \
      --attention none,se,eca,cbam,gc,cat,sem --seeds 3

      A module with options stands in braces: --attention "se,{name: se, reduction: 8}". Table (text, Markdown, JSON) \
      and figure are in the output folder and new after every run. Stopped or killed, the same command goes on.
      The log has a line at each run's beginning and end, and its progress; all numbers are in the runs' own folders.
      """)

  @Argument(help: "A run file (YAML), then settings that win over it: key.path=value.")
  var runAndSettings: [String] = []

  @Option(help: "The modules, with commas between them; none is the network without.")
  var attention = "none,se,eca,cbam,gc"

  @Option(help: "Runs of each module: with the run file's seed and those after it.")
  var seeds = 1

  @Option(help: "The folder for results; without it runs/compare-NAME.")
  var output: String?

  @Flag(help: "Print one JSON object instead of a table.")
  var json = false

  @Flag(help: "Print the table in Markdown.")
  var markdown = false

  func validate() throws {
    if json && markdown { throw ValidationError("--json and --markdown are two forms of one thing: give one of them") }
  }

  func run() throws {
    try Job.start { job in
      let arguments = try job.runText(runAndSettings), text = arguments.text
      let count = try checked("--seeds", seeds, in: 1...1000), build = job.build
      let comparison = try JointFailure.catching(on: job.communicator) {
        try Comparison(
          Comparison.Request(
            text: text, file: arguments.file, settings: arguments.settings,
            variants: try ComparisonVariant.list(attention), seeds: count,
            output: output ?? "runs/compare-\(job.runName(runAndSettings))", build: build,
            stop: StopRequest(allocationEnd: LaunchEnvironment().allocationEnd),
            progress: job.progressLine(every: 30, isAside: json || markdown), makeNetwork: makeNetwork))
      }
      let (ending, report) = try comparison.run(job.communicator)
      if job.communicator.rank == 0 {
        if ending == .stopped {
          comparison.request.progress.announce(
            "stopped after \(report.finishedRuns) of \(report.runs.count) runs: the same command goes on")
        }
        print(try json ? report.json() : markdown ? report.markdown : report.text, terminator: "")
        if ending == .finished && !json && !markdown {
          print("table and figure: \(comparison.request.output)/comparison.{txt,md,json,png}")
        }
      }
      return ending == .stopped ? .requeue : .success
    }
  }
}
