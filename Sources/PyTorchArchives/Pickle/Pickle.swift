import Safetensors

/// A value of a pickle. The set is closed: whatever is not among these is refused, so that nothing in it can be run.
enum PickleValue: Sendable {
  case none
  case truth(Bool)
  case integer(Int)
  /// A whole number of more than 64 bits: its bytes, the least significant first.
  case wideInteger([UInt8])
  case real(Double)
  case text(String)
  case bytes([UInt8])
  /// The place of its members among `Pickle.sequences`.
  case tuple(Int)
  /// The same for a list or a set.
  case list(Int)
  /// The place of its members among `Pickle.dictionaries`; of an `OrderedDict` too.
  case dictionary(Int)
  case known(KnownGlobal)
  /// A place among `Pickle.storages`.
  case storage(Int)
  /// A place among `Pickle.tensors`.
  case tensor(Int)
  /// Something that is known to be harmless and that no weight depends on.
  case opaque

  /// What it is, for a sentence.
  var kind: String {
    switch self {
    case .none: "None"
    case .truth: "a truth value"
    case .integer, .wideInteger: "a whole number"
    case .real: "a number"
    case .text: "a text"
    case .bytes: "bytes"
    case .tuple: "a tuple"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .known: "a function or type"
    case .storage: "a storage"
    case .tensor: "a tensor"
    case .opaque: "an object"
    }
  }
}

/// What a pickle holds.
///
/// Containers lie in tables and are named by their places: members may repeat and contain each other, as Python's may,
/// without a value that owns itself, and nesting of any depth is undone without recursion.
struct Pickle: Sendable {
  var root = PickleValue.none
  var sequences: [[PickleValue]] = []
  var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  var storages: [StorageReference] = []
  var tensors: [StoredTensor] = []
  /// Where the pickle ends, in bytes from the beginning of what was read.
  var end = 0

  /// The members of a tuple or list.
  func members(_ value: PickleValue) -> [PickleValue]? {
    switch value {
    case .tuple(let place), .list(let place): sequences[place]
    default: nil
    }
  }

  /// The value at a key of a dictionary; of a key given twice the last one, as in Python.
  func value(_ key: String, of dictionary: PickleValue) -> PickleValue? {
    guard case .dictionary(let place) = dictionary else { return nil }
    return dictionaries[place].last { if case .text(key) = $0.key { true } else { false } }?.value
  }
}

/// What a pickle says of a storage that lies elsewhere in the file.
struct StorageReference: Hashable, Sendable {
  let key: String
  let type: StorageType
  /// Elements of the whole storage.
  let count: Int
  /// The part of it that is meant; files of 2017 and 2018 have such.
  let view: Range<Int>
}

/// How the elements of a storage are stored.
struct StorageType: Hashable, Sendable {
  /// `nil` for complex, quantized and other types that no network here has.
  let elementType: ElementType?
  /// The bytes of one element.
  let byteCount: Int
}
