import Foundation
import PyTorchArchives
import Support
import Testing

/// A pickle may do anything in Python. Here it gives tensors or a sentence.
@Suite struct HostilePickleTests {
  typealias Pickle = TinyPickle

  struct Attack: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let object: [UInt8]
    /// A part of the sentence.
    let says: String
  }

  private static let call = Pickle.tuple(Pickle.text("touch /tmp/owned")) + Array("R".utf8)

  static let attacks = [
    Attack(
      testDescription: "os.system", object: Pickle.global("posix", "system") + call,
      says: "the pickle names 'posix.system', which is not data; nothing was run"),
    Attack(
      testDescription: "os.system by the stack",
      object: Pickle.text("os") + Pickle.text("system") + [0x93] + call, says: "names 'os.system'"),
    Attack(
      testDescription: "eval", object: Pickle.global("builtins", "eval") + call,
      says: "names 'builtins.eval', which is not data"),
    Attack(
      testDescription: "getattr, to reach a forbidden name through an allowed one",
      object: Pickle.global("builtins", "getattr")
        + Pickle.tuple(Pickle.global("torch", "Size"), Pickle.text("__class__")) + Array("R".utf8),
      says: "names 'builtins.getattr'"),
    Attack(
      testDescription: "a dotted name under an allowed module",
      object: Pickle.global("torch", "serialization.os.system") + call, says: "names 'torch.serialization.os.system'"),
    Attack(
      testDescription: "a dotted name under an allowed type",
      object: Pickle.global("collections", "OrderedDict.__init__.__globals__") + call,
      says: "names 'collections.OrderedDict.__init__.__globals__'"),
    Attack(
      testDescription: "a function of PyTorch that loads another pickle",
      object: Pickle.global("torch.storage", "_load_from_bytes") + call,
      says: "names 'torch.storage._load_from_bytes'"),
    Attack(
      testDescription: "a class of the user's",
      object: Pickle.global("models.resnet", "ResNet") + Array(")".utf8) + [0x81] + Array("}b".utf8),
      says: "torch.save(network.state_dict(), PATH)"),
    Attack(
      testDescription: "a state for __setstate__",
      object: Pickle.global("torch", "Size") + Pickle.dictionary("__setstate__", Array("N".utf8)) + Array("b".utf8),
      says: "the pickle gives a state to a function or type, which has none; nothing was run"),
    Attack(
      testDescription: "a call of what is no function", object: Pickle.text("system") + call,
      says: "the pickle calls a text; nothing was run"),
    Attack(
      testDescription: "a call of a type", object: Pickle.global("torch", "FloatStorage") + call,
      says: "the pickle calls a type of tensors; nothing was run"),
    Attack(testDescription: "INST", object: Array("(iposix\nsystem\n".utf8), says: "the instruction 0x69 at byte 3"),
    Attack(testDescription: "OBJ", object: Array("(No".utf8), says: "the instruction 0x6f at byte 4"),
    Attack(testDescription: "the registry of extensions", object: [0x82, 1], says: "the instruction 0x82"),
    Attack(
      testDescription: "a name with a terminal's commands", object: Pickle.global("\u{1B}[2Jposix", "x\ty"),
      says: "names '\u{FFFD}[2Jposix.x\u{FFFD}y'"),
    Attack(testDescription: "a name without an end", object: Array("cposix".utf8), says: "a name at byte 3 has no end"),
    Attack(testDescription: "an empty stack", object: [0x85], says: "takes more values than it has made"),
    Attack(
      testDescription: "what lies below a mark", object: Array("N(".utf8) + [0x85],
      says: "takes more values than it has made"),
    Attack(testDescription: "a mark that is missing", object: Array("Nt".utf8), says: "it lacks a mark"),
    Attack(testDescription: "a value that was not kept", object: Array("h".utf8) + [7], says: "refers to value 7"),
    Attack(testDescription: "an odd number of items", object: Array("}(Nu".utf8), says: "a key lacks its value"),
    Attack(testDescription: "items of a text", object: Pickle.text("a") + Array("NNs".utf8), says: "items of a text"),
    Attack(
      testDescription: "a text of four billion bytes", object: Array("X".utf8) + [0xFF, 0xFF, 0xFF, 0xFF],
      says: "wanted 4294967295 bytes"),
    Attack(
      testDescription: "bytes beyond 2^63", object: [0x8E] + [UInt8](repeating: 0xFF, count: 8),
      says: "wanted 18446744073709551615 bytes"),
    Attack(testDescription: "no tensors", object: Array("N".utf8), says: "found None"),
    Attack(
      testDescription: "other keys", object: Pickle.dictionary("epoch", Array("N".utf8)),
      says: "wanted a dictionary of tensors, alone or under state_dict, model_state_dict, model, network, net, module; "
        + "found the keys epoch"),
  ]

  @Test(arguments: attacks) func `An attack is refused in a sentence`(attack: Attack) throws {
    let folder = try ScratchFolder()
    for bytes in [Pickle.legacyFile(attack.object), Pickle.zipFile(attack.object)] {
      let path = try folder.write(bytes, to: "x")
      let error = #expect(throws: ArchiveError.self) { try PyTorchFile(path: path) }
      // In the older form the pickle stands behind three others.
      let says = bytes[0] == 0x80 ? attack.says.replacing(#/ at byte \d+.*/#, with: "") : attack.says
      #expect(error?.reason.contains(says) == true, "\(error as Any)")
      #expect(error.map { !$0.description.contains("\n") && $0.description.utf8.count < 1000 } == true)
    }
  }

  /// Values lie in tables: neither reading nor forgetting them recurses.
  @Test(arguments: ["(", "]", "}", "N\u{1}"]) func `A million levels of nesting are no crash`(kind: String) throws {
    let folder = try ScratchFolder(), count = 1_000_000
    let object: [UInt8] =
      switch kind {
      case "(": [UInt8](repeating: 0x28, count: count) + [UInt8](repeating: 0x74, count: count)
      case "]": [UInt8](repeating: 0x5D, count: count) + [UInt8](repeating: 0x61, count: count - 1)
      case "}":
        Array("}".utf8) + (0..<count / 4).flatMap { _ in Array("K\0}".utf8) }
          + [UInt8](repeating: 0x73, count: count / 4)
      default: Array("N".utf8) + [UInt8](repeating: 0x85, count: count)
      }
    let path = try folder.write(Pickle.zipFile(object), to: "x")
    #expect(throws: ArchiveError.self) { try PyTorchFile(path: path) }
  }

  /// Each call would copy a thousand pairs for five bytes.
  @Test func `A pickle that repeats itself is ended by a bound on its work`() throws {
    let pair = Pickle.tuple(Array("N".utf8), Array("N".utf8))
    let pairs = Array("](".utf8) + (0..<1000).flatMap { _ in pair } + Array("e".utf8) + [0x85]
    let calls = (0..<10_000).flatMap { _ in Array("h\u{1}h\0R0".utf8) }
    let object = pairs + Array("q\0".utf8) + Pickle.global("collections", "OrderedDict") + Array("q\u{1}".utf8) + calls
    let folder = try ScratchFolder(), path = try folder.write(Pickle.zipFile(object), to: "x")
    let error = #expect(throws: ArchiveError.self) { try PyTorchFile(path: path) }
    #expect(error?.reason.contains("takes more than 4000000 instructions") == true, "\(error as Any)")
  }

  /// A list that holds itself, and a dictionary that leads back to itself under a key that is searched.
  @Test func `Values that contain themselves end the search`() throws {
    let folder = try ScratchFolder()
    let object = Array("}q\0".utf8) + Pickle.text("state_dict") + Array("h\0s".utf8)
    let path = try folder.write(Pickle.zipFile(object), to: "x")
    let error = #expect(throws: ArchiveError.self) { try PyTorchFile(path: path) }
    #expect(error?.reason.contains("has no weights where they are looked for") == true)
  }
}
