import Safetensors

/// The form of PyTorch 1.6 and later: a zip archive with `NAME/data.pkl`, `NAME/data/KEY` for each storage,
/// `NAME/byteorder` and `NAME/version`.
struct ZipContainer: StorageContainer {
  let pickle: Pickle
  private let archive: ZipArchive
  private let folder: String

  /// - Throws: `Refusal`, also for TorchScript, which is code.
  init(_ file: ReadableFile) throws(Refusal) {
    archive = try ZipArchive(file)
    let ending = "/data.pkl"
    let pickles = archive.entries.keys.filter { $0.hasSuffix(ending) && !$0.dropLast(ending.count).contains("/") }
    guard let name = pickles.min(), let entry = archive.entries[name] else {
      throw Refusal("is a zip archive without NAME/data.pkl, so none of torch.save's")
    }
    folder = String(name.dropLast(ending.count))
    let code = folder + "/code/"
    let hasCode = archive.entries.keys.contains { $0.hasPrefix(code) }
    guard archive.entries[folder + "/constants.pkl"] == nil, !hasCode else {
      throw Refusal(
        "is a TorchScript archive: it holds code, which is not run. Write its weights alone in Python: "
          + "torch.save(torch.jit.load(FILE).state_dict(), PATH)")
    }
    if let order = archive.entries[folder + "/byteorder"] {
      let text = order.byteCount <= 16 ? try archive.bytes(0..<order.byteCount, of: order) : []
      guard text == Array("little".utf8) else {
        throw Refusal("its byte order is '\(String(decoding: text, as: UTF8.self))'; wanted little")
      }
    }
    guard entry.byteCount <= largestPickleBytes else {
      throw Refusal("its pickle has \(entry.byteCount) bytes; at most \(largestPickleBytes) are read")
    }
    pickle = try PickleMachine.read(try archive.bytes(0..<entry.byteCount, of: entry))
  }

  func byteCount(of key: String) -> Int? { archive.entries["\(folder)/data/\(key)"]?.byteCount }

  func bytes(_ range: Range<Int>, of key: String) throws(Refusal) -> [UInt8] {
    guard let entry = archive.entries["\(folder)/data/\(key)"] else { throw Refusal("there is no storage '\(key)'") }
    return try archive.bytes(range, of: entry)
  }
}
