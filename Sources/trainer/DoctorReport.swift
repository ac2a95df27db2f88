import Communication
import Compute
import Foundation
import Training

/// What `trainer doctor` found, as `--json` prints it.
struct DoctorReport: Encodable {
  let processor: String
  /// The widest vectors that rank 0's processor offers, and those that OpenBLAS's kernels there use.
  let instructions: String
  let blasKernel: String
  let blasInstructions: String
  let mpi: String
  let ranks: [Rank]
  let hosts: [Host]
  /// `null` for one rank alone.
  let link: OrNull<Link>
  let disk: Disk
  let findings: [Found]
  /// The sentences of the findings that cost speed or end runs.
  let problems: [String]
  let verdict: String
  /// How to start a training.
  let command: String
  /// What all this took.
  let seconds: Double

  struct Rank: Encodable {
    let rank: Int
    let host: String
    let processors: String
    let computeThreads: Int
    let loaderThreads: Int
    let workerProcessors: [String]
    let isPinned: Bool
    let flushesDenormals: Bool
    /// All its workers, while all ranks multiply.
    let gemmGflopsTogether: Double
    let build: String
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
    let processor: String
    let memoryNodes: [[Int]]
    let hugePages: OrNull<String>
    let availableMemoryBytes: Int
    let processorQuota: OrNull<Double>
    let clock: OrNull<MachineFacts.Clock>
  }

  struct Link: Encodable {
    let line: LinkReport
    let reduction: String
    let bucketBytes: Int
    let sums: [Sum]

    struct Sum: Encodable {
      let bytes: Int
      let measuredSeconds: Double
      let predictedSeconds: Double
      let ratio: Double
    }
  }

  struct Disk: Encodable {
    let folder: String
    let megabytesPerSecond: Double
    let writtenBytes: Int
    let freeBytes: Int
    let checkpointBytes: Int
    let failure: OrNull<String>
  }

  struct Found: Encodable {
    let topic: String
    let isProblem: Bool
    let found: String
    let remedy: String
  }

  init(_ report: JobReport, runFile: String, seconds: Double) {
    let processors = report.processors
    processor = report.machines[0].processor
    instructions = "\(Processor.instructions)"
    blasKernel = processors.ranks[0].blasKernel
    blasInstructions = "\(Processor.instructions(ofBLASKernel: blasKernel))"
    mpi = report.machines[0].library.split(separator: ",").first.map(String.init) ?? ""
    ranks = zip(processors.ranks, report.machines).map {
      Rank(
        rank: $0.rank, host: $0.host, processors: $0.processors, computeThreads: $0.computeThreads,
        loaderThreads: $0.loaderThreads, workerProcessors: $0.workerProcessors, isPinned: $0.isPinned,
        flushesDenormals: $0.flushesDenormals, gemmGflopsTogether: $0.together.products * 1e-9, build: $1.build)
    }
    hosts = processors.hosts.map { Host($0, report.machines) }
    link = OrNull(
      report.link.map { link in
        Link(
          line: LinkReport(link.model, isMeasured: true), reduction: link.reduction.rawValue,
          bucketBytes: link.bucketBytes,
          sums: link.sums.map {
            Link.Sum(
              bytes: $0.bytes, measuredSeconds: $0.measuredSeconds, predictedSeconds: $0.predictedSeconds,
              ratio: $0.ratio)
          })
      })
    disk = Disk(
      folder: report.disk.folder, megabytesPerSecond: report.disk.bytesPerSecond * 1e-6,
      writtenBytes: report.disk.writtenBytes, freeBytes: report.disk.freeBytes,
      checkpointBytes: report.checkpointBytes, failure: OrNull(report.disk.failure))
    findings = report.findings.map {
      Found(topic: $0.topic.rawValue, isProblem: $0.isProblem, found: $0.found, remedy: $0.remedy)
    }
    problems = report.findings.filter(\.isProblem).map(\.sentence)
    verdict = problems.isEmpty ? "good: nothing found that costs speed"
      : problems.count == 1 ? "a problem costs speed" : "\(problems.count) problems cost speed"
    command = Self.command(report, runFile)
    self.seconds = seconds
  }

  /// As many ranks as have processors of their own, with the kernels that the processor deserves.
  private static func command(_ report: JobReport, _ runFile: String) -> String {
    let remedy = Processor.blasRemedy.map { $0 + " " } ?? ""
    guard report.machines.count > 1 else { return "\(remedy)trainer train \(runFile)" }
    let room = report.processors.hosts.reduce(0) { $0 + $1.room }
    let isSlurm = report.machines[0].variables["SLURM_NTASKS"] != nil
    let hosts = Set(report.machines.map(\.host)).count > 1 && !isSlurm ? "--hostfile HOSTS " : ""
    return "\(remedy)launch/train -n \(room) \(hosts)\(runFile)"
  }
}

extension DoctorReport.Host {
  init(_ host: ProcessorReport.Host, _ machines: [MachineFacts]) {
    let facts = machines.first { $0.host == host.host }!, workers = Double(host.workers)
    self.init(
      host: host.host, ranks: host.ranks, workers: host.workers, gemmGflopsAlone: host.alone.products * 1e-9,
      gemmGflopsTogether: host.together.products * 1e-9,
      gemmShare: host.together.products / (host.alone.products * workers),
      copyGigabytesAlone: host.alone.copies * 1e-9, copyGigabytesTogether: host.together.copies * 1e-9,
      copyShare: host.together.copies / (host.alone.copies * workers), processor: facts.processor,
      memoryNodes: facts.nodes, hugePages: OrNull(facts.hugePages), availableMemoryBytes: facts.availableMemoryBytes,
      processorQuota: OrNull(facts.quota), clock: OrNull(facts.clock))
  }
}
