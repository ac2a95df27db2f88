import PyTorchArchives
import Support
import Testing

/// What the two containers say of themselves is checked before it is used.
@Suite struct ContainerTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private static let tensor = TinyPickle.dictionary(
    "w", TinyPickle.tensor(TinyPickle.storage("0", count: 2), shape: [2], strides: [1]))
  private static let pickle = TinyPickle(tensor).ended
  private static let floats = TinyPickle.floats([1, 2])

  /// Opens the archive and reads its tensor.
  private func reason(_ zip: TinyZip) throws -> String? {
    let path = try folder.write(zip.ended, to: "x")
    return #expect(throws: ArchiveError.self) { try PyTorchFile(path: path).floats("w") }?.reason
  }

  @Test(arguments: [false, true]) func `An archive by hand is read, with a directory of 64 bits too`(
    is64: Bool
  ) throws {
    var zip = TinyZip()
    zip.is64 = is64
    zip.add("x/data.pkl", Self.pickle)
    zip.add("x/data/0", Self.floats)
    zip.add("x/byteorder", Array("little".utf8))
    #expect(try PyTorchFile(path: folder.write(zip.ended, to: "x")).floats("w") == [1, 2])
  }

  @Test(arguments: ["../x/data/0", "/etc/passwd", "x/../../y", "x\\data", ""])
  func `A name that leads elsewhere is refused, although nothing would be unpacked`(name: String) throws {
    var zip = TinyZip()
    zip.add("x/data.pkl", Self.pickle)
    zip.add(name, Self.floats)
    #expect(try reason(zip)?.contains("a name that torch.save does not write") == true)
  }

  @Test func `Entries that overlap are refused`() throws {
    var zip = TinyZip()
    zip.add("x/data.pkl", Self.pickle)
    zip.add("x/data/0", Self.floats, at: 10)
    #expect(try reason(zip)?.contains("overlaps what follows it") == true)
    var twice = TinyZip()
    twice.add("x/data.pkl", Self.pickle)
    twice.add("x/data/0", Self.floats)
    twice.add("x/data/1", Self.floats, at: 30 + 10 + Self.pickle.count)
    #expect(try reason(twice)?.contains("overlaps what follows it") == true)
  }

  @Test func `Sizes that nothing backs are refused`() throws {
    for claimed in [9, 4000, 0x7FFF_FFFF] {
      var zip = TinyZip()
      zip.add("x/data.pkl", Self.pickle)
      zip.add("x/data/0", Self.floats, claimed: claimed)
      #expect(try reason(zip) != nil)
      // Deflated data of eight bytes hold at most eight thousand.
      var packed = TinyZip()
      packed.add("x/data.pkl", Self.pickle)
      packed.add("x/data/0", Self.floats, claimed: claimed, method: 8)
      let sentence = try reason(packed)
      #expect(sentence?.contains(claimed > 8256 ? "the archive cannot hold them" : "should have 8 bytes") == true)
    }
  }

  @Test func `What torch.save does not write is named`() throws {
    var encrypted = TinyZip(), exotic = TinyZip(), script = TinyZip(), big = TinyZip(), other = TinyZip()
    encrypted.add("x/data.pkl", Self.pickle, flags: 1)
    #expect(try reason(encrypted)?.contains("is encrypted") == true)
    exotic.add("x/data.pkl", Self.pickle, method: 12)
    #expect(try reason(exotic)?.contains("is packed by method 12; stored and deflated are read") == true)
    script.add("x/data.pkl", Self.pickle)
    script.add("x/code/__torch__.py", [])
    #expect(try reason(script)?.contains("is a TorchScript archive: it holds code, which is not run") == true)
    big.add("x/data.pkl", Self.pickle)
    big.add("x/byteorder", Array("big".utf8))
    #expect(try reason(big) == "its byte order is 'big'; wanted little")
    other.add("word/document.xml", [])
    #expect(try reason(other) == "is a zip archive without NAME/data.pkl, so none of torch.save's")
    var same = TinyZip()
    same.add("x/data.pkl", Self.pickle)
    same.add("x/data.pkl", Self.pickle)
    #expect(try reason(same) == "the zip archive has 'x/data.pkl' twice")
    var changed = TinyZip()
    changed.add("x/data.pkl", Self.pickle)
    changed.add("x/data/0", Self.floats, checksum: 1)
    #expect(try reason(changed) == "tensor 'w': 'x/data/0' has changed since it was written: its checksum is wrong")
  }

  @Test func `The older form is walked storage by storage`() throws {
    func reason(_ storages: [(key: String, count: Int, bytes: [UInt8])]) throws -> String? {
      let path = try folder.write(TinyPickle.legacyFile(Self.tensor, storages: storages), to: "x")
      return #expect(throws: ArchiveError.self) { try PyTorchFile(path: path) }?.reason
    }
    let good = try folder.write(TinyPickle.legacyFile(Self.tensor, storages: [("0", 2, Self.floats)]), to: "x")
    #expect(try PyTorchFile(path: good).floats("w") == [1, 2])
    #expect(try reason([("0", 3, Self.floats)]) == "storage '0' has 3 elements, 2 are wanted; 2 fit into the file")
    #expect(try reason([("0", 2, [0, 0, 0, 0])]) == "storage '0' has 2 elements, 2 are wanted; 1 fit into the file")
    #expect(try reason([("1", 2, Self.floats)]) == "its list of storages does not fit its pickle")
    #expect(try reason([("0", 2, Self.floats), ("0", 2, Self.floats)])?.contains("does not fit") == true)
    #expect(try reason([]) == "tensor 'w': its storage '0' is missing")
  }
}
