import Foundation
import SwiftProtobuf
import TensorBoardEvents

/// The run's numbers and pictures as TensorBoard reads them: an event file in the run's folder.
///
/// The file is a row of records, each: its length (64 bits), a checksum of the length, the message, a checksum of the
/// message (the framing of TFRecord). Only rank 0 keeps one, and one thread uses it.
public final class EventLog {
  public let path: String
  private let file: AppendedFile
  private let now: () -> Double

  /// Opens `events.out.tfevents.<seconds>.<host>` in a folder, with a number after it where that name is taken.
  /// - Parameters:
  ///   - host: the machine that writes.
  ///   - resumedStep: the step of the checkpoint that the run resumes from; TensorBoard then forgets what earlier files
  ///     of the folder say about later steps.
  ///   - now: seconds since 1970.
  /// - Throws: `ReportingError`.
  public init(
    in folder: String, host: String, resumedStep: Int? = nil,
    now: @escaping () -> Double = { Date().timeIntervalSince1970 }
  ) throws(ReportingError) {
    self.now = now
    let name = "\(folder)/events.out.tfevents.\(Int(now())).\(host)"
    var candidate = name, number = 0
    while access(candidate, F_OK) == 0 {
      number += 1
      candidate = "\(name).\(number)"
    }
    path = candidate
    file = try AppendedFile(at: candidate, isNew: true)
    try append(step: 0, .fileVersion("brain.Event:2"))
    if let resumedStep {
      var session = TensorBoardSessionLog()
      session.status = .start
      try append(step: resumedStep + 1, .sessionLog(session))
    }
  }

  /// Appends numbers of one step. Tags read `group/name`, and TensorBoard folds a group together.
  public func append(step: Int, scalars: KeyValuePairs<String, Double>) throws(ReportingError) {
    try append(step: step, numbers: scalars.map { ($0.key, $0.value) })
  }

  /// Appends the numbers of a record, tagged with its phase: `train/loss`.
  public func append(_ record: MetricRecord) throws(ReportingError) {
    guard case .text(let phase) = record["phase"], let step = record.number("step") else {
      preconditionFailure("a record without a phase and a step: \(record.json)")
    }
    let numbers = record.fields.compactMap { field in
      field.name == "step" ? nil : record.number(field.name).map { ("\(phase)/\(field.name)", $0) }
    }
    try append(step: Int(step), numbers: numbers)
  }

  /// Appends a picture of one step.
  /// - Parameters:
  ///   - png: a whole PNG file in colour.
  ///   - width: pixels across, as the PNG says.
  public func append(step: Int, tag: String, png: [UInt8], width: Int, height: Int) throws(ReportingError) {
    var image = TensorBoardSummary.Image()
    image.width = Int32(width)
    image.height = Int32(height)
    image.colorspace = 3
    image.encodedImageString = Data(png)
    var value = TensorBoardSummary.Value()
    value.tag = tag
    value.image = image
    var summary = TensorBoardSummary()
    summary.value = [value]
    try append(step: step, .summary(summary))
  }

  private func append(step: Int, numbers: [(tag: String, value: Double)]) throws(ReportingError) {
    var summary = TensorBoardSummary()
    summary.value = numbers.map { number in
      var value = TensorBoardSummary.Value()
      value.tag = number.tag
      value.simpleValue = Float(number.value)
      return value
    }
    try append(step: step, .summary(summary))
  }

  private func append(step: Int, _ what: TensorBoardEvent.OneOf_What) throws(ReportingError) {
    var event = TensorBoardEvent()
    event.wallTime = now()
    event.step = Int64(step)
    event.what = what
    guard let message: [UInt8] = try? event.serializedBytes() else {
      preconditionFailure("an event of \(what) that protobuf cannot write")
    }
    try file.append(Self.framed(message))
  }

  private static func framed(_ message: [UInt8]) -> [UInt8] {
    func bytes(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian, Array.init) }
    let length = bytes(UInt64(message.count))
    return length + bytes(CRC32C.masked(length)) + message + bytes(CRC32C.masked(message))
  }
}
