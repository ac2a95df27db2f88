import Foundation
import Training

extension DoctorReport {
  /// Tables for people, the verdict last.
  func text(_ drawings: [NodeDrawing]) -> String {
    let sections = [
      places.text, drawings.map(\.text).joined() + "█ a worker of its own  ░ may use it  · may not\n", rates.text,
      sums?.text,
    ]
    return sections.compactMap { $0 }.joined(separator: "\n") + "\n" + facts + found
      + "verdict     \(verdict)\nstart with  \(command)\n"
  }

  private var places: SummaryTable {
    SummaryTable(
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
  }

  private var rates: SummaryTable {
    func number(_ value: Double) -> String { NumberText.fixed(value, decimals: 1) }
    return SummaryTable(
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
  }

  private var sums: SummaryTable? {
    link.value.map { link in
      SummaryTable(
        columns: [
          .init("sum over ranks", .right), .init("measured", .right), .init("by the line", .right),
          .init("ratio", .right),
        ],
        rows: link.sums.map {
          [
            NumberText.bytes(Double($0.bytes)), NumberText.brief($0.measuredSeconds),
            NumberText.brief($0.predictedSeconds), NumberText.fixed($0.ratio, decimals: 2),
          ]
        })
    }
  }

  private var facts: String {
    let fits = blasInstructions == instructions ? "the widest that it has" : "the processor has \(instructions)"
    var lines = ["processor   \(processor)", "OpenBLAS    \(blasKernel) kernels (\(blasInstructions)), \(fits)"]
    if let link = link.value {
      lines.append(
        "link        \(link.line.sentence); \(link.reduction) reduction, buckets of "
          + NumberText.bytes(Double(link.bucketBytes)))
    }
    if disk.failure.value == nil {
      lines.append(
        "disk        \(NumberText.fixed(disk.megabytesPerSecond, decimals: 0)) MB/s, "
          + "\(NumberText.bytes(Double(disk.freeBytes))) free in \(disk.folder); a checkpoint takes "
          + NumberText.bytes(Double(disk.checkpointBytes)))
    }
    for host in hosts {
      let clock = host.clock.value.map { ", clock governed by \($0.governor)" } ?? ""
      let quota = host.processorQuota.value
        .map { ", time of \(NumberText.significant($0, digits: 3)) processors" } ?? ""
      lines.append(
        "\(host.host.padding(toLength: max(host.host.count + 1, 12), withPad: " ", startingAt: 0))"
          + "\(NumberText.bytes(Double(host.availableMemoryBytes))) of memory free, huge pages: "
          + "\(host.hugePages.value ?? "none")\(clock)\(quota)")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private var found: String {
    findings.map { finding in
      let sentence = finding.remedy.isEmpty ? finding.found : "\(finding.found): \(finding.remedy)"
      return (finding.isProblem ? "problem     " : "note        ") + sentence + "\n"
    }.joined()
  }
}
