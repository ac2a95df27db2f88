/// Where the numbers of a pickle's tensors lie.
protocol StorageContainer: Sendable {
  /// The pickle that names the tensors.
  var pickle: Pickle { get }

  /// The bytes of a storage; `nil` where there is none of this key.
  func byteCount(of key: String) -> Int?
  /// A part of a storage.
  /// - Throws: `Refusal` for a file that has changed or is damaged.
  func bytes(_ range: Range<Int>, of key: String) throws(Refusal) -> [UInt8]
}

/// The longest pickle that is read.
let largestPickleBytes = 64 << 20
