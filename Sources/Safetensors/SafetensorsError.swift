/// A tensor file that cannot be read or written: which file and tensor, what was wanted, what was found.
public struct SafetensorsError: Error, Hashable, Sendable, CustomStringConvertible {
  public let file: String
  /// The tensor, where the trouble is with one.
  public let tensor: String?
  public let wanted: String
  public let found: String

  public init(file: String, tensor: String? = nil, wanted: String, found: String) {
    self.file = file
    self.tensor = tensor
    self.wanted = wanted
    self.found = found
  }

  /// `model.safetensors: tensor 'fc.weight': wanted 8192 bytes for F32 [2, 1024], found 4096`
  public var description: String {
    let subject = tensor.map { "\(file): tensor '\($0.oneLine())'" } ?? file
    return "\(subject): wanted \(wanted.oneLine()), found \(found.oneLine())"
  }
}

extension String {
  /// The text for a sentence. Names and shapes come from files: they may be of any length, and hold line breaks or a
  /// terminal's commands.
  package func oneLine(upTo most: Int = 200) -> String {
    let line = String(String.UnicodeScalarView(unicodeScalars.prefix(most).map { $0.isControl ? "\u{FFFD}" : $0 }))
    return unicodeScalars.count > most ? line + "…" : line
  }
}

extension Unicode.Scalar {
  fileprivate var isControl: Bool {
    [.control, .lineSeparator, .paragraphSeparator].contains(properties.generalCategory)
  }
}
