/// What travels ahead of every message over MPI: the collective's name and the size of what follows.
///
/// MPI matches messages by their order alone, so ranks that meet in different collectives would take each other's data
/// or wait for ever. Layout: payload bytes (8), length of the name (8), the name in UTF-8, cut after 112 bytes.
struct MessageHeader {
  static let byteCount = 128
  private static let nameCapacity = byteCount - 16

  let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)

  var payloadBytes: Int { memory.load(as: Int.self) }

  var name: String {
    let count = min(memory.load(fromByteOffset: 8, as: Int.self), Self.nameCapacity)
    return String(decoding: UnsafeRawBufferPointer(start: memory + 16, count: count), as: UTF8.self)
  }

  func write(_ name: String, payloadBytes: Int) {
    var count = 0
    for byte in name.utf8.prefix(Self.nameCapacity) {
      memory.storeBytes(of: byte, toByteOffset: 16 + count, as: UInt8.self)
      count += 1
    }
    memory.storeBytes(of: payloadBytes, as: Int.self)
    memory.storeBytes(of: count, toByteOffset: 8, as: Int.self)
  }

  /// Whether it announces the collective `name` with so many bytes.
  func announces(_ name: String, payloadBytes: Int) -> Bool {
    guard self.payloadBytes == payloadBytes else { return false }
    let count = memory.load(fromByteOffset: 8, as: Int.self)
    return name.utf8.prefix(Self.nameCapacity).elementsEqual(
      UnsafeRawBufferPointer(start: memory + 16, count: min(count, Self.nameCapacity)))
  }

  func deallocate() { memory.deallocate() }
}
