import Safetensors

/// What the known functions and types mean to a weight.
extension PickleMachine {
  /// The meaning of a name.
  /// - Throws: `Refusal` for whatever is not data.
  func global(module: String, name: String) throws(Refusal) -> KnownGlobal {
    if let known = KnownGlobal(module: module, name: name) { return known }
    let path = "\(module).\(name)".oneLine(upTo: 120)
    // By convention a class begins with a capital letter: most likely a network that was saved whole.
    let isClass = name.split(separator: ".").last?.first?.isUppercase ?? false
    throw Refusal(
      "the pickle names '\(path)', which is not data; nothing was run"
        + (isClass
          ? ". If that is a network or what belongs to one, write its weights alone in Python: "
            + "torch.save(network.state_dict(), PATH)" : ""))
  }

  /// What Python would get by calling `function` with `arguments`, or by making an object of that type.
  mutating func made(by function: PickleValue, from arguments: PickleValue) throws(Refusal) -> PickleValue {
    guard case .known(let known) = function else {
      if case .opaque = function { return .opaque }
      throw Refusal("the pickle calls \(function.kind); nothing was run")
    }
    guard case .tuple(let place) = arguments else {
      throw Refusal("the pickle is damaged: it calls a function with \(arguments.kind)")
    }
    let members = pickle.sequences[place]
    switch known {
    case .opaque: return .opaque
    case .orderedDictionary: return try orderedDictionary(members)
    case .rebuildTensor: return try tensor(members, of: nil)
    case .rebuildTypedTensor:
      guard members.count > 6, case .known(.elementType(let type)) = members[6] else {
        throw Refusal("the pickle is damaged: a tensor lacks its type")
      }
      guard let type else { return .opaque }
      return try tensor(members, of: type)
    case .rebuildParameter:
      switch members.first {
      case .tensor, .opaque: return members[0]
      default: throw Refusal("the pickle is damaged: a parameter is no tensor")
      }
    case .size:
      guard members.count == 1, case .tuple = members[0] else {
        throw Refusal("the pickle is damaged: a size is no tuple")
      }
      return members[0]
    case .storageType, .elementType: throw Refusal("the pickle calls a type of tensors; nothing was run")
    }
  }

  /// Empty, or of a list of pairs, as Python 2 has it.
  private mutating func orderedDictionary(_ arguments: [PickleValue]) throws(Refusal) -> PickleValue {
    let value = dictionary()
    guard case .dictionary(let place) = value, let pairs = arguments.first else { return value }
    try spend(pickle.members(pairs)?.count ?? 0)
    for pair in pickle.members(pairs) ?? [] {
      guard let members = pickle.members(pair), members.count == 2 else {
        throw Refusal("the pickle is damaged: an OrderedDict of something other than pairs")
      }
      pickle.dictionaries[place].append((members[0], members[1]))
    }
    return value
  }

  /// `(storage, offset, size, stride, …)`.
  /// - Parameter type: of the elements; `nil` for the storage's own.
  private mutating func tensor(_ arguments: [PickleValue], of type: ElementType?) throws(Refusal) -> PickleValue {
    guard arguments.count >= 4, case .storage(let place) = arguments[0], case .integer(let offset) = arguments[1],
      let shape = integers(arguments[2]), let strides = integers(arguments[3])
    else {
      throw Refusal("the pickle is damaged: a tensor lacks its storage, offset, size or stride")
    }
    let storage = pickle.storages[place]
    guard let type = type ?? storage.type.elementType else { return .opaque }
    pickle.tensors.append(try StoredTensor(storage, type, offset: offset, shape: shape, strides: strides))
    return .tensor(pickle.tensors.count - 1)
  }

  private func integers(_ value: PickleValue) -> [Int]? {
    guard case .tuple(let place) = value else { return nil }
    let members = pickle.sequences[place]
    guard members.count <= StoredTensor.mostAxes else { return nil }
    let integers = members.compactMap { if case .integer(let number) = $0 { number } else { nil } }
    return integers.count == members.count ? integers : nil
  }

  /// The storage that a persistent name stands for: `('storage', type, key, place, count)`, and in the older form
  /// `None` or `(key, offset, count)` for a part of it.
  mutating func storage(_ name: PickleValue) throws(Refusal) -> PickleValue {
    guard let members = pickle.members(name), case .text(let kind)? = members.first else {
      throw Refusal("the pickle is damaged: it refers to \(name.kind) outside of it")
    }
    guard kind == "storage", members.count >= 5, case .known(.storageType(let type)) = members[1],
      case .text(let key) = members[2], case .integer(let count) = members[4], (0...1 << 44).contains(count)
    else {
      throw Refusal("the pickle is damaged: it refers to a storage without type, key or size")
    }
    var view = 0..<count
    if members.count > 5, let part = pickle.members(members[5]) {
      guard part.count == 3, case .integer(let offset) = part[1], case .integer(let length) = part[2],
        (0...count).contains(offset), (0...count - offset).contains(length)
      else {
        throw Refusal("the pickle is damaged: a part of storage '\(key)' leads out of it")
      }
      view = offset..<offset + length
    }
    pickle.storages.append(StorageReference(key: key, type: type, count: count, view: view))
    return .storage(pickle.storages.count - 1)
  }
}
