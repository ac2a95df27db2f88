import Foundation
import Support
import Testing
import Training

/// Whatever `metrics.jsonl` holds, a resumed run goes on in it and draws its plots where they belong.
@Suite struct MetricsFuzzTests {
  private static let seeds: [[UInt8]] = [
    """
    {"phase":"train","step":1,"epoch":1,"loss":2.302,"learning_rate":1e-05,"images_per_second":431.5,"seconds":0.5}
    {"phase":"train","step":2,"epoch":1,"loss":null,"learning_rate":0.1,"note":"loss is nan"}
    {"phase":"evaluate","step":2,"epoch":1,"top1":41.25,"top5":90.0,"loss":1.5,"samples":100,"seconds":0.1}

    """,
    """
    {"phase":"evaluate","step":9007199254740993,"is_best":true,"mIoU":-0.5,"top1":1e308}
    {"phase":"evaluate","step":4,"../../top1":5e-324,"/top5":1.0,".":2.0}
    {"phase":"train","step":3,"loss":1e-308}

    """,
  ].map { Array($0.utf8) }

  @Test func `Ten thousand damaged logs are gone on with`() throws {
    let folder = try ScratchFolder(), path = folder.path + "/metrics.jsonl"
    let pictures = folder.path + "/run/pictures"
    try FileManager.default.createDirectory(atPath: pictures, withIntermediateDirectories: true)
    let mutator = Mutator("metrics.jsonl", seeds: Self.seeds, .text)
    let tally = try fuzz(mutator, refusal: ReportingError.self) { bytes, number in
      try folder.write(bytes, to: "metrics.jsonl")
      try MetricsLog(at: path, resumedStep: 2).append(["phase": "train", "step": 3, "loss": 1.5])
      let records = try MetricsLog.records(at: path)
      #expect(records.last?.number("loss") == 1.5, "mutation \(number)")
      #expect(records.dropLast().allSatisfy { record in
        guard case .integer(let step) = record["step"] else { return true }
        return step <= 2
      })
      let plots = RunPlots(run: "r", records: records)
      if number % 1000 == 0 { try plots.write(into: pictures) } else { _ = plots.plots }
    }
    #expect(tally.accepted == 10_000)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["metrics.jsonl", "run"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/run") == ["pictures"])
  }

  @Test func `A metric that is called like a path has no plot`() throws {
    let record: MetricRecord = [
      "phase": "evaluate", "step": 1, "../../top1": 1.0, "/tmp/x": 1.0, ".top1": 1.0, "a\nb": 1.0, "": 1.0,
      "AP@0.5": 1.0,
    ]
    #expect(RunPlots(run: "r", records: [record]).plots.map(\.name) == ["AP@0.5"])
    let many = (0..<1000).reduce(into: MetricRecord(phase: "evaluate", step: 1)) { $0["m\($1)"] = 1.0 }
    #expect(RunPlots(run: "r", records: [many]).plots.count == 64)
  }
}
