import Foundation

/// The run's numbers as they come: `metrics.jsonl`, one JSON object a line, each on disk before the next is computed.
///
/// Only rank 0 keeps one, and one thread uses it.
public final class MetricsLog {
  private let file: AppendedFile

  /// Starts the log of a new run, or goes on with that of a resumed one.
  /// - Parameter resumedStep: the step of the checkpoint that the run resumes from; what an earlier process wrote about
  ///   later steps is removed first, because those steps are now done again. `nil` starts a new file.
  /// - Throws: `ReportingError`, also when a new run finds a log in its place.
  public init(at path: String, resumedStep: Int? = nil) throws(ReportingError) {
    if let resumedStep { try Self.removeLines(of: path, beyond: resumedStep) }
    file = try AppendedFile(at: path, isNew: resumedStep == nil)
  }

  /// Appends one line.
  /// - Throws: `ReportingError` when the disk refuses; the file then still ends in a whole line.
  public func append(_ record: MetricRecord) throws(ReportingError) {
    try file.append(Array((record.json + "\n").utf8))
  }

  /// The records of a log, fields in the order of their names; lines that are no JSON object are passed over.
  /// - Throws: `ReportingError` when the file cannot be read.
  public static func records(at path: String) throws(ReportingError) -> [MetricRecord] {
    let decoder = JSONDecoder()
    return try lines(of: path).compactMap { line in
      guard let members = try? decoder.decode([String: Member].self, from: Data(line)) else { return nil }
      var record = MetricRecord()
      for (name, member) in members.sorted(by: { $0.key < $1.key }) { record[name] = member.value }
      return record
    }
  }

  /// Replaces the file by one without the later steps and without a line that a killed process left unfinished. A crash
  /// in between leaves the old file.
  private static func removeLines(of path: String, beyond step: Int) throws(ReportingError) {
    struct Position: Decodable { var step: Int? }
    let decoder = JSONDecoder()
    guard access(path, F_OK) == 0 else { return }
    let kept = try lines(of: path).filter { line in
      (try? decoder.decode(Position.self, from: Data(line)))?.step.map { $0 <= step } ?? true
    }
    try AppendedFile.replace(path, with: kept.flatMap { $0 + [UInt8(ascii: "\n")] })
  }

  /// The lines that end in a line break.
  private static func lines(of path: String) throws(ReportingError) -> [ArraySlice<UInt8>] {
    errno = 0
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ReportingError(path: path, action: "read", code: errno == 0 ? EIO : errno)
    }
    let bytes = [UInt8](data), lineBreak = UInt8(ascii: "\n")
    guard let end = bytes.lastIndex(of: lineBreak) else { return [] }
    return bytes[..<end].split(separator: lineBreak)
  }
}

/// Any value that a field can hold; `null` holds none.
private struct Member: Decodable {
  let value: MetricRecord.Value?

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      value = nil
    } else if let flag = try? container.decode(Bool.self) {
      value = .flag(flag)
    } else if let integer = try? container.decode(Int.self) {
      value = .integer(integer)
    } else if let number = try? container.decode(Double.self) {
      value = .number(number)
    } else {
      value = (try? container.decode(String.self)).map { .text($0) }
    }
  }
}
