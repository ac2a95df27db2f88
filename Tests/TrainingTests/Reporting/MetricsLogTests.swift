import Foundation
import Testing
import Training

/// Lines of `metrics.jsonl`, one by one and across a resumed run.
@Suite struct MetricsLogTests {
  @Test(arguments: [
    (MetricRecord(), "{}"),
    (["step": 3, "loss": .number(2.3025851 as Float)], #"{"step":3,"loss":2.3025851}"#),
    (["b": 1, "a": 2.5, "c": true], #"{"b":1,"a":2.5,"c":true}"#),
    (["loss": .number(Double.nan), "x": 1], #"{"loss":null,"x":1,"note":"loss is nan"}"#),
    (
      ["loss": .number(Double.infinity), "x": .number(-Double.infinity)],
      #"{"loss":null,"x":null,"note":"loss is inf, x is -inf"}"#
    ),
    (["text": "a\"b\\c\nd\u{1}é"], #"{"text":"a\"b\\c\nd\u0001é"}"#),
    (["rate": 1e-05], #"{"rate":1e-05}"#),
  ] as [(MetricRecord, String)])
  func recordIsOneJSONObject(record: MetricRecord, json: String) throws {
    #expect(record.json == json)
    _ = try JSONSerialization.jsonObject(with: Data(record.json.utf8))
  }

  @Test func fieldsKeepTheirOrderWhenSetAgain() {
    var record = MetricRecord(phase: "train", step: 1)
    record["loss"] = 2.0
    record["top1"] = 50.0
    record["loss"] = 1.0
    record["step"] = nil
    #expect(record.json == #"{"phase":"train","loss":1.0,"top1":50.0}"#)
    #expect(record.number("loss") == 1 && record.number("phase") == nil && record.number("none") == nil)
  }

  @Test func linesAreReadableAtOnce() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/metrics.jsonl"
      let log = try MetricsLog(at: path)
      try log.append(["phase": "train", "step": 1, "loss": 2.0])
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "{\"phase\":\"train\",\"step\":1,\"loss\":2.0}\n")
      try log.append(["phase": "evaluate", "step": 1, "top1": .number(Double.nan), "ema": false])
      let records = try MetricsLog.records(at: path)
      #expect(records.map { $0.number("loss") } == [2, nil])
      #expect(records[1]["ema"] == .flag(false) && records[1]["note"] == "top1 is nan" && records[1]["top1"] == nil)
    }
  }

  @Test func newRunRefusesAnExistingLog() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/metrics.jsonl"
      _ = try MetricsLog(at: path)
      #expect(throws: ReportingError(path: path, action: "open", code: EEXIST)) { try MetricsLog(at: path) }
      #expect(
        ReportingError(path: path, action: "open", code: EEXIST).description == "\(path): cannot open: File exists")
    }
  }

  @Test func resumingRemovesLaterStepsAndTheTornLine() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/metrics.jsonl"
      let before = """
        {"phase":"start","ranks":4}
        {"phase":"train","step":9,"loss":3.0}
        {"phase":"train","step":10,"loss":2.0}
        {"phase":"train","step":11,"loss":1.0}
        {"phase":"evaluate","step":11,"top1":7.0}
        {"phase":"train","step":1
        """
      try Data(before.utf8).write(to: URL(fileURLWithPath: path))
      let log = try MetricsLog(at: path, resumedStep: 10)
      try log.append(["phase": "train", "step": 11, "loss": 1.5])
      let after = """
        {"phase":"start","ranks":4}
        {"phase":"train","step":9,"loss":3.0}
        {"phase":"train","step":10,"loss":2.0}
        {"phase":"train","step":11,"loss":1.5}

        """
      #expect(try String(contentsOfFile: path, encoding: .utf8) == after)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["metrics.jsonl"])
    }
  }

  @Test func resumingWithoutALogStartsOne() throws {
    try withTemporaryFolder { folder in
      try MetricsLog(at: folder + "/metrics.jsonl", resumedStep: 5).append(["step": 6])
      #expect(try MetricsLog.records(at: folder + "/metrics.jsonl") == [["step": 6]])
    }
  }

  #if os(Linux)
    @Test func fullDiskIsAnError() throws {
      try withTemporaryFolder { folder in
        let path = folder + "/metrics.jsonl"
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/full")
        let log = try AppendedFile(at: path, isNew: false)
        #expect(throws: ReportingError(path: path, action: "write", code: ENOSPC)) { try log.append([1]) }
      }
    }
  #endif
}

/// Runs `body` with the path of a folder of its own.
func withTemporaryFolder(_ body: (String) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  try body(folder.path)
}
