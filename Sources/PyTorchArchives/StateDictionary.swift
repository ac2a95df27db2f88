import Safetensors

/// Where the weights lie among what a checkpoint holds, and their tensors.
///
/// Training scripts put the weights into a dictionary with options, epoch and moments, under one of a few keys; some
/// keep a moving average beside them, some go down another level.
struct StateDictionary {
  /// Keys that lead to weights, the likeliest first.
  static let weightKeys = ["state_dict", "model_state_dict", "model", "network", "net", "module"]
  /// Keys that lead to a moving average of weights.
  static let averageKeys = [
    "state_dict_ema", "model_ema", "model_ema_state_dict", "ema_state_dict", "ema_model", "ema", "module_ema",
  ]
  private static let mostLevels = 4

  /// The keys that lead to the weights; none where they are the file's only content.
  private(set) var location: [String] = []
  /// Places among the pickle's tensors.
  private(set) var tensors: [String: Int] = [:]

  /// Finds the weights.
  /// - Parameter takesAverage: whether the moving average is wanted.
  /// - Throws: `Refusal` saying what was found instead.
  init(_ pickle: Pickle, takesAverage: Bool) throws(Refusal) {
    var value = pickle.root
    if takesAverage {
      guard let key = Self.averageKeys.first(where: { Self.isDictionary(pickle.value($0, of: value)) }),
        let average = pickle.value(key, of: value)
      else {
        throw Refusal("has no moving average under \(Self.averageKeys.joined(separator: ", ")); "
          + "found \(Self.found(pickle, value))")
      }
      location.append(key)
      value = average
    }
    while location.count < Self.mostLevels {
      let next = Self.weightKeys.first { Self.isDictionary(pickle.value($0, of: value)) }
      if next == nil {
        tensors = Self.tensors(pickle, value)
        if !tensors.isEmpty { return }
      }
      guard let key = next ?? Self.onlyDictionary(pickle, value), let inner = pickle.value(key, of: value)
      else { break }
      location.append(key)
      value = inner
    }
    throw Refusal(
      "has no weights where they are looked for: wanted a dictionary of tensors, alone or under "
        + "\(Self.weightKeys.joined(separator: ", ")); found \(Self.found(pickle, value))")
  }

  private static func isDictionary(_ value: PickleValue?) -> Bool {
    if case .dictionary? = value { true } else { false }
  }

  private static func tensors(_ pickle: Pickle, _ value: PickleValue) -> [String: Int] {
    guard case .dictionary(let place) = value else { return [:] }
    var tensors: [String: Int] = [:]
    for case (.text(let name), .tensor(let tensor)) in pickle.dictionaries[place] { tensors[name] = tensor }
    return tensors
  }

  /// The key of the one dictionary that directly holds tensors.
  private static func onlyDictionary(_ pickle: Pickle, _ value: PickleValue) -> String? {
    guard case .dictionary(let place) = value else { return nil }
    var keys: [String] = []
    for case (.text(let key), let inner) in pickle.dictionaries[place] where !tensors(pickle, inner).isEmpty {
      keys.append(key)
    }
    return keys.count == 1 ? keys[0] : nil
  }

  private static func found(_ pickle: Pickle, _ value: PickleValue) -> String {
    guard case .dictionary(let place) = value else { return value.kind }
    var keys: [String] = []
    for case (.text(let key), _) in pickle.dictionaries[place] { keys.append(key) }
    guard !keys.isEmpty else { return "a dictionary without names" }
    let list = keys.prefix(8).map { $0.oneLine(upTo: 40) }.joined(separator: ", ")
    return "the keys \(list)" + (keys.count > 8 ? ", …" : "")
  }
}
