import PyTorchArchives
import Support
import Testing

/// What a pickle says of a tensor is held against its storage, and the storage against the file.
@Suite struct StoredTensorTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private static let six: [Float] = [0, 1, 2, 3, 4, 5]

  /// A file with one tensor `w` over six floats.
  private func file(
    offset: Int = 0, shape: [Int], strides: [Int], claimed: Int = 6, floats: [Float] = six
  ) throws -> PyTorchFile {
    let tensor = TinyPickle.tensor(
      TinyPickle.storage("0", count: claimed), offset: offset, shape: shape, strides: strides)
    let bytes = TinyPickle.zipFile(
      TinyPickle.dictionary("w", tensor), storages: [("0", TinyPickle.floats(floats))])
    return try PyTorchFile(path: folder.write(bytes, to: "x"))
  }

  @Test(arguments: [
    (0, [2, 3], [3, 1], [0, 1, 2, 3, 4, 5]), (1, [2, 2], [3, 1], [1, 2, 4, 5]), (5, [1], [1], [5]),
    (2, [3], [0], [2, 2, 2]), (0, [3, 2], [1, 3], [0, 3, 1, 4, 2, 5]), (0, [0, 9], [1, 1], []), (3, [], [], [3]),
    // The stride of an axis of one element says nothing.
    (0, [1, 6], [.max, 1], [0, 1, 2, 3, 4, 5]), (1, [1, 1], [.max, .max], [1]),
  ] as [(Int, [Int], [Int], [Float])])
  func `Elements are gathered along the strides`(offset: Int, shape: [Int], strides: [Int], values: [Float]) throws {
    let file = try file(offset: offset, shape: shape, strides: strides)
    #expect(try file.floats("w") == values && file.shape(of: "w") == shape)
  }

  @Test(arguments: [
    (0, [7], [1]), (1, [6], [1]), (6, [1], [1]), (0, [2, 3], [4, 1]), (-1, [2], [1]), (0, [-2, -3], [3, 1]),
    (0, [2], [-1]), (0, [2, 3], [3]), (0, [.max, 2], [1, 1]), (0, [1 << 40], [0]), (0, [3], [.max]),
    (.max, [2], [1]), (0, [2, 2], [.max, .max]), (0, [1 << 25], [0]),
    (0, [Int](repeating: 1, count: 65), [Int](repeating: 1, count: 65)),
  ] as [(Int, [Int], [Int])])
  func `A tensor that leads out of its storage is refused`(offset: Int, shape: [Int], strides: [Int]) throws {
    #expect(throws: ArchiveError.self) { try file(offset: offset, shape: shape, strides: strides) }
  }

  @Test func `A storage of another size than the pickle says is refused`() throws {
    for claimed in [5, 7, 0, -1, .max, 1 << 44] {
      let error = #expect(throws: ArchiveError.self) { try file(shape: [0], strides: [1], claimed: claimed) }
      #expect(error?.reason.isEmpty == false)
    }
    // The same storage under two types: the smaller one is right, the larger would read on behind it.
    let both = TinyPickle.tensor(TinyPickle.storage("0", count: 6), shape: [6], strides: [1])
    let wide = TinyPickle.tensor(
      TinyPickle.storage("0", count: 6, type: "DoubleStorage"), shape: [6], strides: [1])
    let object = Array("}(".utf8) + TinyPickle.text("a") + both + TinyPickle.text("b") + wide + Array("u".utf8)
    let bytes = TinyPickle.floats(Self.six)
    for file in [
      TinyPickle.zipFile(object, storages: [("0", bytes)]),
      TinyPickle.legacyFile(object, storages: [("0", 6, bytes)]),
    ] {
      let path = try folder.write(file, to: "x")
      let error = #expect(throws: ArchiveError.self) { try PyTorchFile(path: path) }
      #expect(error?.reason == "tensor 'b': storage '0' should have 48 bytes, found 24")
    }
  }

  @Test func `A storage that is missing is named`() throws {
    let tensor = TinyPickle.tensor(TinyPickle.storage("9", count: 6), shape: [6], strides: [1])
    let bytes = TinyPickle.zipFile(TinyPickle.dictionary("w", tensor), storages: [("0", TinyPickle.floats(Self.six))])
    let path = try folder.write(bytes, to: "x")
    #expect(throws: ArchiveError(file: path, reason: "tensor 'w': its storage '9' is missing")) {
      try PyTorchFile(path: path)
    }
  }
}
