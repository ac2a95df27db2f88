import Foundation
import Safetensors

/// JSON that tells when it was changed: a value with a checksum over itself.
///
/// The checksum is that of the value's own text, so white space in the file does not matter. Numbers that are not
/// finite, which JSON does not have, are the words `nan`, `inf` and `-inf`.
struct SealedText<Value: Codable>: Codable {
  private let checksum: UInt32
  private let state: Value

  static func encode(_ value: Value) throws -> Data {
    let encoder = encoder()
    encoder.outputFormatting.insert(.prettyPrinted)
    return try encoder.encode(SealedText(checksum: checksum(of: value), state: value))
  }

  /// - Parameter kind: what the text should be, for the error: `the state of a checkpoint`.
  /// - Throws: `CheckpointError` when it is not such a text or has changed since it was written.
  static func decode(_ data: Data, path: String, as kind: String) throws(CheckpointError) -> Value {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    guard let sealed = try? decoder.decode(SealedText.self, from: data) else {
      throw CheckpointError(path: path, reason: "is not \(kind)")
    }
    guard let sum = try? checksum(of: sealed.state), sum == sealed.checksum else {
      throw CheckpointError(path: path, reason: "has changed since it was written: its checksum is wrong")
    }
    return sealed.state
  }

  private static func checksum(of value: Value) throws -> UInt32 { Checksum.crc32(try encoder().encode(value)) }

  private static func encoder() -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return encoder
  }
}
