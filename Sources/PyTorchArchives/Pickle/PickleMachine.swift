/// Reads a pickle as what it is, a program of a small stack machine, over a closed set of values.
///
/// Nothing is imported, called or looked up: an instruction that would do so in Python makes one of the values of
/// `PickleValue`, or the pickle is refused. An instruction takes at least a byte and makes at most one value, so that
/// memory is bounded by the file's own size; lengths are held against what is left before anything is taken.
struct PickleMachine {
  /// The instructions that are read of one pickle, and the members that they copy: a checkpoint of a thousand tensors
  /// and their moments takes 100,000.
  static let mostWork = 4_000_000

  private let bytes: [UInt8]
  private var position: Int
  var pickle = Pickle()
  private var stack: [PickleValue] = []
  /// Heights of the stack at its marks; what lies below the last one is out of reach.
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  private var work = 0

  /// Reads the pickle that begins at `start`.
  /// - Throws: `Refusal`.
  static func read(_ bytes: [UInt8], from start: Int = 0) throws(Refusal) -> Pickle {
    var machine = PickleMachine(bytes, from: start)
    try machine.run()
    return machine.pickle
  }

  private init(_ bytes: [UInt8], from start: Int) {
    self.bytes = bytes
    position = start
  }

  private mutating func run() throws(Refusal) {
    while true {
      try spend(1)
      let start = position, byte = try take(1).first ?? 0
      guard let opcode = Opcode(rawValue: byte) else {
        throw Refusal(
          "the pickle has the instruction 0x\(String(byte, radix: 16)) at byte \(start), which torch.save does not "
            + "write; nothing was run")
      }
      if opcode == .stop {
        pickle.root = try pop()
        pickle.end = position
        return
      }
      try execute(opcode)
    }
  }

  /// Counts work, so that a pickle that calls for the same again and again ends.
  mutating func spend(_ amount: Int) throws(Refusal) {
    work += amount
    guard work <= Self.mostWork else { throw Refusal("the pickle takes more than \(Self.mostWork) instructions") }
  }

  private mutating func execute(_ opcode: Opcode) throws(Refusal) {
    switch opcode {
    case .protocol:
      let version = try number(1)
      guard version <= 5 else { throw Refusal("the pickle has protocol \(version); 2 to 5 are known") }
    case .frame: _ = try take(8)
    case .stop: break

    case .none: push(.none)
    case .newTrue: push(.truth(true))
    case .newFalse: push(.truth(false))
    case .integer: push(.integer(Int(Int32(truncatingIfNeeded: try number(4)))))
    case .integer1: push(.integer(Int(try number(1))))
    case .integer2: push(.integer(Int(try number(2))))
    case .long1: push(Self.whole(try take(try length(1))))
    case .long4: push(Self.whole(try take(try length(4))))
    case .real: push(.real(Double(bitPattern: try number(8).byteSwapped)))
    case .unicode: push(.text(try text(4)))
    case .shortUnicode: push(.text(try text(1)))
    case .unicode8: push(.text(try text(8)))
    // Python 2's strings: names are ASCII, and what is not serves no weight.
    case .string: push(.text(String(decoding: try take(try length(4)), as: UTF8.self)))
    case .shortString: push(.text(String(decoding: try take(try length(1)), as: UTF8.self)))
    case .binaryBytes: push(.bytes(Array(try take(try length(4)))))
    case .shortBinaryBytes: push(.bytes(Array(try take(try length(1)))))
    case .binaryBytes8, .byteArray8: push(.bytes(Array(try take(try length(8)))))

    case .mark: marks.append(stack.count)
    case .pop:
      // Right after a mark it is the mark that goes, as in Python.
      if stack.count > (marks.last ?? 0) { _ = try pop() } else { _ = try popMarked() }
    case .popMark: _ = try popMarked()
    case .duplicate: push(try top())
    case .get: push(try recalled(Int(try number(1))))
    case .longGet: push(try recalled(Int(try number(4))))
    case .put: memo[Int(try number(1))] = try top()
    case .longPut: memo[Int(try number(4))] = try top()
    case .memoize: memo[memo.count] = try top()

    case .emptyTuple: push(sequence([], isTuple: true))
    case .tuple1: push(sequence(try pop(1), isTuple: true))
    case .tuple2: push(sequence(try pop(2), isTuple: true))
    case .tuple3: push(sequence(try pop(3), isTuple: true))
    case .tuple: push(sequence(try popMarked(), isTuple: true))
    case .emptyList, .emptySet: push(sequence([]))
    case .list, .frozenSet: push(sequence(try popMarked()))
    case .append: try extend(with: try pop(1))
    case .appends, .addItems: try extend(with: try popMarked())
    case .emptyDictionary: push(dictionary())
    case .dictionary:
      let items = try popMarked()
      push(dictionary())
      try setItems(items)
    case .setItem: try setItems(try pop(2))
    case .setItems: try setItems(try popMarked())

    case .global: push(.known(try global(module: try line(), name: try line())))
    case .stackGlobal:
      let names = try pop(2)
      guard case .text(let module) = names[0], case .text(let name) = names[1] else {
        throw Refusal("the pickle names something by \(names[0].kind) and \(names[1].kind); nothing was run")
      }
      push(.known(try global(module: module, name: name)))
    case .reduce, .newObject:
      let call = try pop(2)
      push(try made(by: call[0], from: call[1]))
    case .newObjectWithKeywords:
      let call = try pop(3)
      push(try made(by: call[0], from: call[1]))
    case .build: try build(from: try pop())
    case .persistentID: push(try storage(try pop()))
    }
  }

  // MARK: The stack

  private mutating func push(_ value: PickleValue) { stack.append(value) }

  private func top() throws(Refusal) -> PickleValue {
    guard stack.count > (marks.last ?? 0), let value = stack.last else { throw Self.tooFew }
    return value
  }

  private mutating func pop() throws(Refusal) -> PickleValue {
    let value = try top()
    stack.removeLast()
    return value
  }

  private mutating func pop(_ count: Int) throws(Refusal) -> [PickleValue] {
    guard stack.count - (marks.last ?? 0) >= count else { throw Self.tooFew }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popMarked() throws(Refusal) -> [PickleValue] {
    guard let mark = marks.popLast() else { throw Refusal("the pickle is damaged: it lacks a mark") }
    defer { stack.removeLast(stack.count - mark) }
    return Array(stack[mark...])
  }

  private func recalled(_ place: Int) throws(Refusal) -> PickleValue {
    guard let value = memo[place] else {
      throw Refusal("the pickle is damaged: it refers to value \(place), which it has not kept")
    }
    return value
  }

  private static let tooFew = Refusal("the pickle is damaged: it takes more values than it has made")

  // MARK: Containers

  mutating func sequence(_ members: [PickleValue], isTuple: Bool = false) -> PickleValue {
    pickle.sequences.append(members)
    let place = pickle.sequences.count - 1
    return isTuple ? .tuple(place) : .list(place)
  }

  mutating func dictionary() -> PickleValue {
    pickle.dictionaries.append([])
    return .dictionary(pickle.dictionaries.count - 1)
  }

  private mutating func extend(with members: [PickleValue]) throws(Refusal) {
    switch try top() {
    case .list(let place): pickle.sequences[place] += members
    case .opaque: break
    case let other: throw Refusal("the pickle is damaged: it appends to \(other.kind)")
    }
  }

  private mutating func setItems(_ items: [PickleValue]) throws(Refusal) {
    guard items.count.isMultiple(of: 2) else { throw Refusal("the pickle is damaged: a key lacks its value") }
    switch try top() {
    case .dictionary(let place):
      for item in stride(from: 0, to: items.count, by: 2) {
        pickle.dictionaries[place].append((items[item], items[item + 1]))
      }
    case .opaque: break
    case let other: throw Refusal("the pickle is damaged: it sets items of \(other.kind)")
    }
  }

  /// In Python this hands a state to `__setstate__` or `__dict__`; the values here have neither, and an `OrderedDict`'s
  /// attributes (PyTorch's `_metadata`) are not weights.
  private mutating func build(from state: PickleValue) throws(Refusal) {
    switch try top() {
    case .opaque, .dictionary, .tensor: break
    case let other: throw Refusal("the pickle gives a state to \(other.kind), which has none; nothing was run")
    }
  }

  // MARK: Bytes

  private mutating func take(_ count: Int) throws(Refusal) -> ArraySlice<UInt8> {
    guard count <= bytes.count - position else {
      throw Refusal("the pickle ends early: wanted \(count) bytes at \(position), found \(bytes.count - position)")
    }
    defer { position += count }
    return bytes[position..<position + count]
  }

  private mutating func number(_ width: Int) throws(Refusal) -> UInt64 {
    try take(width).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// A length of `width` bytes, at most what is left.
  private mutating func length(_ width: Int) throws(Refusal) -> Int {
    let length = try number(width), left = bytes.count - position
    guard length <= UInt64(left) else {
      throw Refusal("the pickle ends early: wanted \(length) bytes at \(position), found \(left)")
    }
    return Int(length)
  }

  private mutating func text(_ width: Int) throws(Refusal) -> String {
    let start = position, characters = try take(try length(width))
    // A lone surrogate, which Python lets pass, is no character; no name has one.
    guard let text = String(validating: characters, as: UTF8.self) else {
      throw Refusal("the pickle has a text at byte \(start) that is not UTF-8")
    }
    return text
  }

  /// The text up to the end of the line.
  private mutating func line() throws(Refusal) -> String {
    guard let end = bytes[position...].prefix(1000).firstIndex(of: 0x0A) else {
      throw Refusal("the pickle is damaged: a name at byte \(position) has no end")
    }
    let text = String(decoding: bytes[position..<end], as: UTF8.self)
    position = end + 1
    return text
  }

  /// Two's complement, the least significant byte first.
  private static func whole(_ bytes: ArraySlice<UInt8>) -> PickleValue {
    guard bytes.count <= 8 else { return .wideInteger(Array(bytes)) }
    let isNegative = bytes.last.map { $0 >= 0x80 } ?? false
    let bits = bytes.reversed().reduce(isNegative ? UInt64.max : 0) { $0 << 8 | UInt64($1) }
    return .integer(Int(Int64(bitPattern: bits)))
  }
}
