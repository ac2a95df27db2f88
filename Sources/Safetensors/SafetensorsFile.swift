/// A safetensors file, opened: its header is read and checked, tensors are read on request.
///
/// Layout (github.com/huggingface/safetensors): eight bytes header length, little-endian; the header, JSON; the data,
/// which the tensors fill without gap or overlap. Everything the file claims is checked before it is used.
public final class SafetensorsFile: TensorFile {
  /// The longest header that is read, as in the reference implementation.
  public static let largestHeaderBytes = 100_000_000

  public let path: String
  /// The tensors' names in alphabetical order.
  public let names: [String]
  /// The strings under `__metadata__`.
  public let metadata: [String: String]
  private let file: ReadableFile
  private let tensors: [String: TensorInfo]

  /// Opens the file and checks its header.
  /// - Throws: `SafetensorsError`.
  public init(path: String) throws(SafetensorsError) {
    file = try ReadableFile(path: path)
    self.path = path
    guard file.byteCount >= 8 else {
      throw SafetensorsError(file: path, wanted: "at least 8 bytes", found: "\(file.byteCount)")
    }
    let claimed = try file.bytes(0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let most = min(Self.largestHeaderBytes, file.byteCount - 8)
    guard claimed <= UInt64(most) else {
      throw SafetensorsError(
        file: path, wanted: "a header of at most \(most) bytes in a file of \(file.byteCount)", found: "\(claimed)")
    }
    let dataStart = 8 + Int(claimed)
    let json = try file.bytes(8..<dataStart)
    let header: HeaderParser
    do throws(HeaderParser.Mistake) {
      header = try HeaderParser(json)
    } catch {
      throw SafetensorsError(file: path, tensor: error.tensor, wanted: error.wanted, found: error.found)
    }
    var tensors: [String: TensorInfo] = [:]
    for (name, entry) in header.entries {
      tensors[name] = try Self.info(name, entry, dataStart: dataStart, fileBytes: file.byteCount, path: path)
    }
    try Self.checkCoverage(tensors, dataStart: dataStart, fileBytes: file.byteCount, path: path)
    self.tensors = tensors
    names = tensors.keys.sorted()
    metadata = header.metadata
  }

  /// Whether the file has a tensor of this name.
  public func contains(_ name: String) -> Bool { tensors[name] != nil }

  /// Type, shape and place of a tensor.
  /// - Throws: `SafetensorsError` when there is none of this name.
  public func info(_ name: String) throws(SafetensorsError) -> TensorInfo {
    guard let info = tensors[name] else {
      throw SafetensorsError(
        file: path, tensor: name, wanted: "one of \(names.count) tensors", found: "none of this name")
    }
    return info
  }

  public func elementType(of name: String) throws(SafetensorsError) -> ElementType { try info(name).elementType }

  public func shape(of name: String) throws(SafetensorsError) -> [Int] { try info(name).shape }

  /// The elements as they are in the file.
  public func bytes(_ name: String) throws(SafetensorsError) -> [UInt8] { try file.bytes(info(name).byteRange) }

  /// The elements as floats; F64, F16 and BF16 are converted.
  /// - Throws: `SafetensorsError`, also for a tensor of whole numbers.
  public func floats(_ name: String) throws(SafetensorsError) -> [Float] {
    let info = try info(name)
    var values = [Float](repeating: 0, count: info.count)
    let result = values.withUnsafeMutableBufferPointer { buffer in
      Result { () throws(SafetensorsError) in try read(name, into: buffer) }
    }
    try result.get()
    return values
  }

  /// Reads the elements as floats into memory of exactly their number; F64, F16 and BF16 are converted.
  public func read(_ name: String, into buffer: UnsafeMutableBufferPointer<Float>) throws(SafetensorsError) {
    let info = try info(name)
    guard buffer.count == info.count else {
      throw SafetensorsError(
        file: path, tensor: name, wanted: "\(buffer.count) elements", found: "\(info.count) of shape \(info.shape)")
    }
    if info.elementType == .float32 {
      return try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: info.byteRange.lowerBound)
    }
    try convert(name, info, wanted: "floating-point numbers", info.elementType.float) { buffer[$0] = $1 }
  }

  /// The elements as whole numbers; of BOOL as 0 and 1.
  /// - Throws: `SafetensorsError`, also for floating-point tensors and for numbers of 2^63 and more.
  public func integers(_ name: String) throws(SafetensorsError) -> [Int] {
    let info = try info(name)
    var values = [Int](repeating: 0, count: info.count)
    try convert(name, info, wanted: "whole numbers below 2^63", info.elementType.integer) { values[$0] = $1 }
    return values
  }

  /// Reads a tensor piece by piece, so that a conversion never holds the whole of it twice.
  private func convert<Value>(
    _ name: String, _ info: TensorInfo, wanted: String, _ element: (Int, UnsafeRawBufferPointer) -> Value?,
    _ store: (Int, Value) -> Void
  ) throws(SafetensorsError) {
    let pieceElements = 1 << 17
    for start in stride(from: 0, to: info.count, by: pieceElements) {
      let count = min(pieceElements, info.count - start)
      let first = info.byteRange.lowerBound + start * info.elementType.byteCount
      let piece = try file.bytes(first..<first + count * info.elementType.byteCount)
      let isGood = piece.withUnsafeBytes { bytes in
        (0..<count).allSatisfy { index in
          guard let value = element(index, bytes) else { return false }
          store(start + index, value)
          return true
        }
      }
      guard isGood else {
        throw SafetensorsError(file: path, tensor: name, wanted: wanted, found: info.elementType.rawValue)
      }
    }
  }
}

extension SafetensorsFile {
  private static func info(
    _ name: String, _ entry: HeaderParser.Entry, dataStart: Int, fileBytes: Int, path: String
  ) throws(SafetensorsError) -> TensorInfo {
    guard let type = ElementType(rawValue: entry.elementType) else {
      let known = ElementType.allCases.map(\.rawValue).joined(separator: ", ")
      throw SafetensorsError(
        file: path, tensor: name, wanted: "one of \(known)", found: "'\(entry.elementType.prefix(40))'")
    }
    let dataBytes = fileBytes - dataStart
    guard entry.offsets.count == 2, entry.offsets[0] <= entry.offsets[1], entry.offsets[1] <= dataBytes else {
      throw SafetensorsError(
        file: path, tensor: name, wanted: "two rising offsets within \(dataBytes) bytes of data",
        found: "\(entry.offsets)")
    }
    let byteCount = entry.shape.reduce(Optional(type.byteCount)) { product, extent in
      guard let (partial, overflow) = product?.multipliedReportingOverflow(by: extent), !overflow else { return nil }
      return partial
    }
    guard byteCount == entry.offsets[1] - entry.offsets[0] else {
      throw SafetensorsError(
        file: path, tensor: name,
        wanted: "\(byteCount.map(String.init) ?? "more than 2^63") bytes for \(type.rawValue) \(entry.shape)",
        found: "\(entry.offsets[1] - entry.offsets[0])")
    }
    return TensorInfo(
      elementType: type, shape: entry.shape,
      byteRange: dataStart + entry.offsets[0]..<dataStart + entry.offsets[1])
  }

  /// Tensors in the order of their data must follow each other from the first byte of data to the last.
  private static func checkCoverage(
    _ tensors: [String: TensorInfo], dataStart: Int, fileBytes: Int, path: String
  ) throws(SafetensorsError) {
    var end = dataStart
    let inOrder = tensors.sorted {
      ($0.value.byteRange.lowerBound, $0.value.byteRange.upperBound, $0.key)
        < ($1.value.byteRange.lowerBound, $1.value.byteRange.upperBound, $1.key)
    }
    for (name, info) in inOrder {
      guard info.byteRange.lowerBound == end else {
        throw SafetensorsError(
          file: path, tensor: name, wanted: "data from offset \(end - dataStart) on, where the one before ends",
          found: "\(info.byteRange.lowerBound - dataStart)")
      }
      end = info.byteRange.upperBound
    }
    guard end == fileBytes else {
      throw SafetensorsError(file: path, wanted: "\(end) bytes, the end of the last tensor", found: "\(fileBytes)")
    }
  }
}
