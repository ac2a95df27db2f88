import ArgumentParser
import Training

/// `trainer replay`: one step of a run once more, with every value looked at.
struct Replay: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run one stored step again and name the first bad layer, replica and sample.",
    discussion: """
      Example: trainer replay runs/first/capsules/step-000123

      A run leaves such a capsule when its loss or a gradient is not finite, when the loss leaps \
      (run.capture_spikes, times the median of the steps before; 10 by default, 0 for never), and for the step \
      run.capture_step. It holds the weights before the step, the inputs of all replicas, their samples and the seed: \
      one process runs all replicas, node by node, without the data set and without the other ranks.

      Exit code 0: every value is finite, loss and gradients have the recorded bits; 1: they do not; 65: no capsule, \
      or one that has changed since it was written.
      """)

  @Flag(help: "One JSON object.")
  var json = false

  @Option(help: "Threads; without it as many as there are processors. The numbers do not depend on it.")
  var threads: Int?

  @Argument(help: "The folder of a capsule.")
  var capsule: String

  func run() throws {
    try Job.start { job in
      let ranks = job.communicator.size
      guard ranks == 1 else { throw OneProcessOnly(command: "replay", ranks: ranks) }
      let threads = try threads.map { try checked("--threads", $0, in: 1...4096) } ?? 0
      let path = capsule.count > 1 && capsule.hasSuffix("/") ? String(capsule.dropLast()) : capsule
      let result = try StepReplay(try CapsuleReader(path), threads: threads, makeNetwork: makeNetwork).run()
      let report = ReplayReport(result)
      print(json ? try jsonText(report) : report.text)
      return result.isFinite && result.isAsRecorded ? .success : .failure
    }
  }
}

/// A command for one process that was started as many ranks.
struct OneProcessOnly: Error, SharedByAllRanks, CustomStringConvertible {
  let command: String
  let ranks: Int
  var description: String {
    "`trainer \(command)` runs all replicas in one process, found \(ranks) ranks: start it without mpirun"
  }
}
