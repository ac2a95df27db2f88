/// What travels ahead of every message over MPI: the collective's name and number, and the size of what follows.
///
/// MPI matches messages by their order alone, so ranks that meet in different collectives would take each other's data
/// or wait for ever. Layout: payload bytes (8), number (8), length of the name (8), the name in UTF-8, cut after 104
/// bytes.
struct MessageHeader {
  static let byteCount = 128
  private static let nameCapacity = byteCount - 24

  let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)

  /// The call that the header tells of.
  var call: CollectiveCall {
    let count = min(max(memory.load(fromByteOffset: 16, as: Int.self), 0), Self.nameCapacity)
    return CollectiveCall(
      name: String(decoding: UnsafeRawBufferPointer(start: memory + 24, count: count), as: UTF8.self),
      number: memory.load(fromByteOffset: 8, as: Int.self), bytes: memory.load(as: Int.self))
  }

  func write(_ name: String, number: Int, payloadBytes: Int) {
    var count = 0
    for byte in name.utf8.prefix(Self.nameCapacity) {
      memory.storeBytes(of: byte, toByteOffset: 24 + count, as: UInt8.self)
      count += 1
    }
    memory.storeBytes(of: payloadBytes, as: Int.self)
    memory.storeBytes(of: number, toByteOffset: 8, as: Int.self)
    memory.storeBytes(of: count, toByteOffset: 16, as: Int.self)
  }

  /// Whether it announces that call of `name` with so many bytes. Allocates nothing.
  func announces(_ name: String, number: Int, payloadBytes: Int) -> Bool {
    guard memory.load(as: Int.self) == payloadBytes, memory.load(fromByteOffset: 8, as: Int.self) == number else {
      return false
    }
    let count = min(max(memory.load(fromByteOffset: 16, as: Int.self), 0), Self.nameCapacity)
    return name.utf8.prefix(Self.nameCapacity).elementsEqual(UnsafeRawBufferPointer(start: memory + 24, count: count))
  }

  func deallocate() { memory.deallocate() }
}
