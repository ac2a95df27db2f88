/// Collects tensors and writes them as a safetensors file, one tensor in memory at a time.
///
/// ```swift
/// var writer = SafetensorsWriter(metadata: ["step": "120"])
/// try writer.add("fc.weight", shape: [10, 64]) { buffer in … }     // called while the file is written
/// let written = try writer.write(to: path)
/// ```
/// The bytes depend on names, shapes, values and metadata alone: tensors lie by element size (so that each is aligned),
/// then by name.
public struct SafetensorsWriter {
  /// Fills a tensor's memory when its turn comes.
  public typealias Fill = (UnsafeMutableBufferPointer<Float>) throws -> Void

  /// What was written, for the list of files beside it.
  public struct Written: Hashable, Sendable {
    public let byteCount: Int
    public let crc32: UInt32
  }

  private enum Content {
    case floats(Fill)
    case integers([Int])
  }

  private struct Tensor {
    let name: String
    let shape: [Int]
    let content: Content
    let count: Int

    var elementType: ElementType { if case .floats = content { .float32 } else { .int64 } }
    var byteCount: Int { count * elementType.byteCount }
  }

  private let metadata: [String: String]
  private var tensors: [String: Tensor] = [:]

  /// - Parameter metadata: strings under `__metadata__`.
  public init(metadata: [String: String] = [:]) { self.metadata = metadata }

  /// Adds a tensor of 32-bit floats that `fill` produces while the file is written.
  /// - Throws: `SafetensorsError` when the name is taken.
  public mutating func add(_ name: String, shape: [Int], fill: @escaping Fill) throws(SafetensorsError) {
    try add(name, shape, .floats(fill), count: nil)
  }

  /// Adds a tensor of 32-bit floats.
  /// - Throws: `SafetensorsError` when the name is taken, or the number of values is not the shape's.
  public mutating func add(_ name: String, shape: [Int], floats: [Float]) throws(SafetensorsError) {
    try add(name, shape, .floats { _ = $0.update(fromContentsOf: floats) }, count: floats.count)
  }

  /// Adds a tensor of 32-bit floats that lie in memory, which must stay as it is until the file is written.
  /// - Throws: `SafetensorsError` when the name is taken.
  public mutating func add(
    _ name: String, shape: [Int], floats: UnsafePointer<Float>
  ) throws(SafetensorsError) {
    try add(name, shape, .floats { $0.baseAddress?.update(from: floats, count: $0.count) }, count: nil)
  }

  /// Adds a tensor of 64-bit whole numbers.
  /// - Throws: `SafetensorsError` when the name is taken, or the number of values is not the shape's.
  public mutating func add(_ name: String, shape: [Int], integers: [Int]) throws(SafetensorsError) {
    try add(name, shape, .integers(integers), count: integers.count)
  }

  private mutating func add(
    _ name: String, _ shape: [Int], _ content: Content, count: Int?
  ) throws(SafetensorsError) {
    guard tensors[name] == nil, name != "__metadata__" else {
      throw SafetensorsError(file: "tensors to write", tensor: name, wanted: "a new name", found: "one that is taken")
    }
    let product = shape.reduce(1, *)
    guard count == nil || count == product, shape.allSatisfy({ $0 >= 0 }) else {
      throw SafetensorsError(
        file: "tensors to write", tensor: name, wanted: "\(product) values for \(shape)", found: "\(count ?? product)")
    }
    tensors[name] = Tensor(name: name, shape: shape, content: content, count: product)
  }

  /// Writes the file and flushes it to the disk; an existing one is replaced.
  ///
  /// Whoever needs an all-or-nothing file writes under another name and renames.
  /// - Throws: `SafetensorsError` for the file; whatever a `fill` throws.
  public func write(to path: String) throws -> Written {
    let ordered = tensors.values.sorted {
      (-$0.elementType.byteCount, $0.name) < (-$1.elementType.byteCount, $1.name)
    }
    var file = try WritableFile(path: path)
    let header = header(ordered)
    try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try file.write($0) }
    try header.withUnsafeBytes { try file.write($0) }
    for tensor in ordered {
      switch tensor.content {
      case .floats(let fill):
        let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: tensor.count)
        defer { buffer.deallocate() }
        buffer.initialize(repeating: 0)
        try fill(buffer)
        try file.write(UnsafeRawBufferPointer(buffer))
      case .integers(let values): try values.withUnsafeBytes { try file.write($0) }
      }
    }
    try file.flush()
    return Written(byteCount: file.byteCount, crc32: file.checksum.value)
  }

  /// The header, padded with spaces so that the data begins at a multiple of eight bytes.
  private func header(_ tensors: [Tensor]) -> [UInt8] {
    var members: [String] = []
    if !metadata.isEmpty {
      let strings = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
      members.append("\"__metadata__\":{\(strings.joined(separator: ","))}")
    }
    var offset = 0
    for tensor in tensors {
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      let end = offset + tensor.byteCount
      let fields =
        "\"dtype\":\"\(tensor.elementType.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]"
      members.append("\(quoted(tensor.name)):{\(fields)}")
      offset = end
    }
    var bytes = Array("{\(members.joined(separator: ","))}".utf8)
    while bytes.count % 8 != 0 { bytes.append(UInt8(ascii: " ")) }
    return bytes
  }

  private func quoted(_ text: String) -> String {
    let escaped = text.unicodeScalars.map { scalar in
      switch scalar {
      case "\"": "\\\""
      case "\\": "\\\\"
      case _ where scalar.value < 0x20: "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: String(Character(scalar))
      }
    }
    return "\"\(escaped.joined())\""
  }
}
