import Foundation
import PyTorchArchives
import Support
import Testing

/// Whatever the bytes are, the answer is tensors or an `ArchiveError`.
@Suite struct PyTorchFuzzTests {
  @Test(arguments: [
    ["kinds.pth", "protocol4.pth", "deflated.pth", "checkpoint.pth"], ["kinds_legacy.pth", "network_by_hand"],
  ])
  func `Ten thousand damaged files of either container give tensors or a sentence`(names: [String]) throws {
    let folder = try ScratchFolder()
    let isLegacy = names[0].contains("legacy")
    let seeds = try names.map { name -> [UInt8] in
      guard name != "network_by_hand" else { return Self.byHand }
      return [UInt8](try Data(contentsOf: URL(fileURLWithPath: PyTorchFileTests.fixture(name))))
    }
    let tally = try fuzz(
      Mutator(isLegacy ? "torch.save, older form" : "torch.save, zip", seeds: seeds), refusal: ArchiveError.self
    ) { bytes, number in
      let file = try PyTorchFile(path: folder.write(bytes, to: "x"), takesAverage: number.isMultiple(of: 16))
      for name in file.names {
        let count = try file.shape(of: name).reduce(1, *)
        let floats = Result { try file.floats(name) }, integers = Result { try file.integers(name) }
        for found in [try? floats.get().count, try? integers.get().count] where found != nil {
          #expect(found == count)
        }
      }
    }
    #expect(tally.refused > 3_000 && tally.accepted > 100, "\(tally)")
  }

  /// Two tensors in one storage, and one that is repeated.
  private static let byHand: [UInt8] = {
    let storage = TinyPickle.storage("k", count: 6)
    let object =
      Array("}(".utf8) + TinyPickle.text("a") + TinyPickle.tensor(storage, shape: [2, 3], strides: [3, 1])
      + TinyPickle.text("b") + TinyPickle.tensor(storage, offset: 1, shape: [2, 2], strides: [1, 2])
      + TinyPickle.text("c") + TinyPickle.tensor(storage, shape: [4, 6], strides: [0, 1]) + Array("u".utf8)
    return TinyPickle.legacyFile(
      TinyPickle.dictionary("model", object), storages: [("k", 6, TinyPickle.floats([0, 1, 2, 3, 4, 5]))])
  }()
}
