import Foundation
import TensorBoardEvents
import Testing
import Training

/// Event files, against their framing and, where it is installed, against TensorBoard itself.
@Suite struct EventLogTests {
  @Test(arguments: [
    (Array("123456789".utf8), 0xE306_9283), (Array(repeating: 0, count: 32), 0x8A91_36AA),
    (Array(repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E), ([], 0),
  ] as [([UInt8], UInt32)])
  func checksumOfPublishedVectors(bytes: [UInt8], checksum: UInt32) {
    #expect(CRC32C.checksum(bytes) == checksum)
  }

  /// The messages of an event file, each checked against its checksums.
  private func events(at path: String) throws -> [TensorBoardEvent] {
    let bytes = [UInt8](try #require(FileManager.default.contents(atPath: path)))
    func integer(_ range: Range<Int>) -> UInt64 { bytes[range].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    var events: [TensorBoardEvent] = [], start = 0
    while start < bytes.count {
      let count = Int(integer(start..<start + 8)), end = start + 12 + count
      #expect(UInt32(integer(start + 8..<start + 12)) == CRC32C.masked(Array(bytes[start..<start + 8])))
      #expect(UInt32(integer(end..<end + 4)) == CRC32C.masked(Array(bytes[start + 12..<end])))
      events.append(try TensorBoardEvent(serializedBytes: Array(bytes[start + 12..<end])))
      start = end + 4
    }
    return events
  }

  @Test func fileOpensWithItsVersionAndHoldsWhatIsAppended() throws {
    try withTemporaryFolder { folder in
      let log = try EventLog(in: folder, host: "node7", now: { 1_700_000_000.5 })
      #expect(log.path == folder + "/events.out.tfevents.1700000000.node7")
      try log.append(["phase": "train", "step": 20, "epoch": 2, "loss": 1.25, "note": "text stays out"])
      try log.append(step: 21, scalars: ["gradient/norm": .nan])
      let events = try events(at: log.path)
      #expect(events.map(\.step) == [0, 20, 21])
      #expect(events.allSatisfy { $0.wallTime == 1_700_000_000.5 })
      #expect(events[0].fileVersion == "brain.Event:2")
      #expect(events[1].summary.value.map(\.tag) == ["train/epoch", "train/loss"])
      #expect(events[1].summary.value.map(\.simpleValue) == [2, 1.25])
      #expect(events[2].summary.value[0].simpleValue.isNaN)
    }
  }

  @Test func secondLogOfOneSecondHasANameOfItsOwn() throws {
    try withTemporaryFolder { folder in
      let paths = try (0..<3).map { _ in try EventLog(in: folder, host: "h", now: { 7 }).path }
      #expect(Set(paths).count == 3 && paths[2] == folder + "/events.out.tfevents.7.h.2")
    }
  }

  @Test func resumedLogTakesBackLaterSteps() throws {
    try withTemporaryFolder { folder in
      let log = try EventLog(in: folder, host: "h", resumedStep: 30)
      let start = try events(at: log.path)[1]
      #expect(start.sessionLog.status == .start && start.step == 31)
    }
  }

  @Test func missingFolderIsNamed() {
    #expect(throws: ReportingError(path: "/nowhere/events.out.tfevents.7.h", action: "open", code: ENOENT)) {
      try EventLog(in: "/nowhere", host: "h", now: { 7 })
    }
  }

  /// `TENSORBOARD_PYTHON` names an interpreter that has TensorBoard installed.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["TENSORBOARD_PYTHON"] != nil))
  func tensorBoardReadsWhatWasWritten() throws {
    try withTemporaryFolder { folder in
      let first = try EventLog(in: folder, host: "h", now: { 1 })
      for step in 1...4 { try first.append(step: step, scalars: ["train/loss": Double(step) / 4]) }
      let png = try #require(Data(base64Encoded: onePixel))
      try first.append(step: 2, tag: "pictures/one", png: [UInt8](png), width: 1, height: 1)
      let second = try EventLog(in: folder, host: "h", resumedStep: 2, now: { 2 })
      try second.append(step: 3, scalars: ["train/loss": 9])
      let found = try readByTensorBoard(folder)
      #expect(found.scalars["train/loss"] == [[1, 0.25], [2, 0.5], [3, 9]])
      #expect(found.images["pictures/one"] == [[2, 1, 1, Double(png.count)]])
    }
  }

  private struct Found: Decodable {
    var scalars: [String: [[Double]]]
    var images: [String: [[Double]]]
  }

  private func readByTensorBoard(_ folder: String) throws -> Found {
    let script = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../Peers/read_events.py").standardized
    let process = Process(), output = Pipe()
    process.executableURL = URL(fileURLWithPath: ProcessInfo.processInfo.environment["TENSORBOARD_PYTHON"]!)
    process.arguments = [script.path, folder]
    process.standardOutput = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return try JSONDecoder().decode(Found.self, from: text)
  }

  /// A PNG of one white pixel.
  private let onePixel =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mP8/x8AAwMCAO+ip1sAAAAASUVORK5CYII="
}
