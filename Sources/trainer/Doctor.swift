import ArgumentParser
import Compute
import Foundation
import Training

/// `trainer doctor`: whether the machine gives what it could, under the launcher that will start the training.
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look at processors, threads, binding and rates, and say how to start.",
    discussion: """
      Examples: trainer doctor
                mpirun -n 2 trainer doctor

      Under mpirun it sees what a training would see, on every rank; rank 0 prints. Rates are measured with one worker \
      alone on each machine, then with the workers of all ranks at once. The last lines say what costs speed, and how \
      to start.
      """)

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
      let report = DoctorReport(
        try ProcessorReport(over: job.communicator, seconds: seconds), isUnderMPI: job.communicator.size > 1)
      if job.communicator.rank == 0 { print(json ? try jsonText(report) : report.text, terminator: json ? "\n" : "") }
      // Also where something costs speed: mpirun would bury the verdict under sentences of its own.
      return .success
    }
  }
}

/// The findings, as `--json` prints them.
struct DoctorReport: Encodable {
  let processor: String
  /// The widest vectors that rank 0's processor offers, and those that OpenBLAS's kernels there use.
  let instructions: String
  let blasKernel: String
  let blasInstructions: String
  let ranks: [Rank]
  let hosts: [Host]
  let problems: [String]
  /// How to start a training.
  let command: String

  struct Rank: Encodable {
    let rank: Int
    let host: String
    let processors: String
    let computeThreads: Int
    let loaderThreads: Int
    let workerProcessors: [String]
    let isPinned: Bool
    let flushesDenormals: Bool
  }

  /// Rates in GFLOP/s and GB/s (read and written); shares are of the workers' number times the rate alone.
  struct Host: Encodable {
    let host: String
    let ranks: Int
    let workers: Int
    let gemmGflopsAlone: Double
    let gemmGflopsTogether: Double
    let gemmShare: Double
    let copyGigabytesAlone: Double
    let copyGigabytesTogether: Double
    let copyShare: Double
  }

  init(_ report: ProcessorReport, isUnderMPI: Bool) {
    processor = Self.processorName
    instructions = "\(Processor.instructions)"
    blasKernel = report.ranks[0].blasKernel
    blasInstructions = "\(Processor.instructions(ofBLASKernel: blasKernel))"
    ranks = report.ranks.map {
      Rank(
        rank: $0.rank, host: $0.host, processors: $0.processors, computeThreads: $0.computeThreads,
        loaderThreads: $0.loaderThreads, workerProcessors: $0.workerProcessors, isPinned: $0.isPinned,
        flushesDenormals: $0.flushesDenormals)
    }
    hosts = report.hosts.map {
      let workers = Double($0.workers)
      return Host(
        host: $0.host, ranks: $0.ranks, workers: $0.workers, gemmGflopsAlone: $0.alone.products * 1e-9,
        gemmGflopsTogether: $0.together.products * 1e-9,
        gemmShare: $0.together.products / ($0.alone.products * workers),
        copyGigabytesAlone: $0.alone.copies * 1e-9, copyGigabytesTogether: $0.together.copies * 1e-9,
        copyShare: $0.together.copies / ($0.alone.copies * workers))
    }
    problems = report.problems
    let room = report.hosts.reduce(0) { $0 + $1.room }
    command = (Processor.blasRemedy.map { $0 + " " } ?? "")
      + (isUnderMPI ? "launch/train -n \(room) RUN.yaml" : "trainer train RUN.yaml")
  }

  /// What the processor calls itself, such as `AMD EPYC 9654 96-Core Processor`.
  private static var processorName: String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor"
  }

  /// Tables for people, the verdict last.
  var text: String {
    func number(_ value: Double) -> String { NumberText.fixed(value, decimals: 1) }
    let places = SummaryTable(
      columns: [
        .init("rank", .right), .init("host"), .init("processors"), .init("compute", .right), .init("load", .right),
        .init("workers run on"), .init("denormals"),
      ],
      rows: ranks.map {
        [
          "\($0.rank)", $0.host, $0.processors, "\($0.computeThreads)",
          $0.loaderThreads == 0 ? "in turns" : "\($0.loaderThreads)",
          $0.isPinned ? $0.workerProcessors.joined(separator: " ") + ", one each" : "any of \($0.workerProcessors[0])",
          $0.flushesDenormals ? "flushed" : "kept",
        ]
      })
    let rates = SummaryTable(
      columns: [
        .init("host"), .init("rate"), .init("one worker", .right), .init("together", .right), .init("workers", .right),
        .init("of linear", .right),
      ],
      rows: hosts.flatMap {
        [
          [
            $0.host, "matrix products, GFLOP/s", number($0.gemmGflopsAlone), number($0.gemmGflopsTogether),
            "\($0.workers)", NumberText.percent($0.gemmShare),
          ],
          [
            $0.host, "copies, GB/s", number($0.copyGigabytesAlone), number($0.copyGigabytesTogether), "\($0.workers)",
            NumberText.percent($0.copyShare),
          ],
        ]
      })
    let fits = blasInstructions == instructions ? "the widest that it has" : "the processor has \(instructions)"
    let found = problems.map { "problem     \($0)\n" }.joined()
    let verdict = problems.isEmpty ? "good: nothing found that costs speed"
      : problems.count == 1 ? "a problem costs speed" : "\(problems.count) problems cost speed"
    return places.text + "\n" + rates.text + "\nprocessor   \(processor)\n"
      + "OpenBLAS    \(blasKernel) kernels (\(blasInstructions)), \(fits)\n" + found
      + "verdict     \(verdict)\nstart with  \(command)\n"
  }
}
