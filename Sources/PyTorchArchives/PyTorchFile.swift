import Safetensors

/// Weights in a file of `torch.save` (`.pth`, `.pt`), opened: its pickle is read and checked, tensors are read on
/// request.
///
/// A pickle is a program, and loading one in Python may run anything. Here none of it is run: it is read over a closed
/// set of values (`PickleMachine`), and a name that is not data is an error. Both containers are read, the zip archive
/// since PyTorch 1.6 and the sequence of pickles before it.
public final class PyTorchFile: TensorFile {
  public let path: String
  /// The tensors' names in alphabetical order, as the state dictionary has them.
  public let names: [String]
  /// The keys that lead to the weights within the file: `state_dict`; empty where they are alone in it.
  public let location: String
  private let tensors: [String: StoredTensor]
  private let container: any StorageContainer

  /// Opens the file and finds the weights in it.
  /// - Parameter takesAverage: whether the moving average is read that some checkpoints keep beside the weights.
  /// - Throws: `ArchiveError`.
  public convenience init(path: String, takesAverage: Bool = false) throws(ArchiveError) {
    let file: ReadableFile
    do throws(SafetensorsError) {
      file = try ReadableFile(path: path)
    } catch {
      throw ArchiveError(file: path, reason: "wanted \(error.wanted), found \(error.found)")
    }
    do throws(Refusal) {
      let beginning = try file.part(0..<min(file.byteCount, 16))
      guard Self.begins(beginning) else { throw Refusal("is not a file of torch.save") }
      let container: any StorageContainer =
        LegacyContainer.begins(beginning) ? try LegacyContainer(file) : try ZipContainer(file)
      try self.init(path, container, takesAverage: takesAverage)
    } catch {
      throw ArchiveError(file: path, reason: error.reason)
    }
  }

  private init(_ path: String, _ container: any StorageContainer, takesAverage: Bool) throws(Refusal) {
    let pickle = container.pickle, found = try StateDictionary(pickle, takesAverage: takesAverage)
    for (name, place) in found.tensors {
      let storage = pickle.tensors[place].storage, wanted = storage.count * storage.type.byteCount
      guard let bytes = container.byteCount(of: storage.key) else {
        throw Refusal("tensor '\(name.oneLine())': its storage '\(storage.key)' is missing")
      }
      guard bytes == wanted else {
        throw Refusal(
          "tensor '\(name.oneLine())': storage '\(storage.key)' should have \(wanted) bytes, found \(bytes)")
      }
    }
    self.path = path
    self.container = container
    tensors = found.tensors.mapValues { pickle.tensors[$0] }
    names = tensors.keys.sorted()
    location = found.location.joined(separator: ".")
  }

  /// Whether a file that begins with these sixteen bytes may be one of `torch.save`.
  public static func begins(_ bytes: [UInt8]) -> Bool {
    // A safetensors file whose header has 640 bytes begins like a pickle; behind the length stands its brace.
    let isSafetensors = bytes.count > 8 && bytes[7] == 0 && bytes[8] == UInt8(ascii: "{")
    return bytes.starts(with: ZipArchive.magic) || (LegacyContainer.begins(bytes) && !isSafetensors)
  }

  public func contains(_ name: String) -> Bool { tensors[name] != nil }

  /// - Throws: `ArchiveError` when there is no tensor of this name.
  public func elementType(of name: String) throws(ArchiveError) -> ElementType { try tensor(name).elementType }

  /// - Throws: `ArchiveError` when there is no tensor of this name.
  public func shape(of name: String) throws(ArchiveError) -> [Int] { try tensor(name).shape }

  /// The elements as floats, gathered from wherever their strides say; F64, F16 and BF16 are converted.
  /// - Throws: `ArchiveError`, also for a tensor of whole numbers.
  public func floats(_ name: String) throws(ArchiveError) -> [Float] {
    let tensor = try tensor(name)
    if tensor.elementType == .float32, tensor.isContiguous {
      let bytes = try bytes(tensor, name)
      return [Float](unsafeUninitializedCapacity: tensor.count) { floats, count in
        bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(floats).copyMemory(from: $0) }
        count = tensor.count
      }
    }
    return try gathered(tensor, name, wanted: "floating-point numbers", tensor.elementType.float)
  }

  /// The elements as whole numbers; of truth values as 0 and 1.
  /// - Throws: `ArchiveError`, also for floating-point tensors and for numbers of 2^63 and more.
  public func integers(_ name: String) throws(ArchiveError) -> [Int] {
    let tensor = try tensor(name)
    return try gathered(tensor, name, wanted: "whole numbers below 2^63", tensor.elementType.integer)
  }

  private func tensor(_ name: String) throws(ArchiveError) -> StoredTensor {
    guard let tensor = tensors[name] else {
      throw ArchiveError(file: path, reason: "wanted tensor '\(name)', found \(names.count) of other names")
    }
    return tensor
  }

  private func gathered<Value>(
    _ tensor: StoredTensor, _ name: String, wanted: String, _ element: (Int, UnsafeRawBufferPointer) -> Value?
  ) throws(ArchiveError) -> [Value] {
    let bytes = try bytes(tensor, name)
    var values: [Value] = []
    values.reserveCapacity(tensor.count)
    let isGood = bytes.withUnsafeBytes { bytes in
      tensor.forEachPlace { place in
        guard let value = element(place, bytes) else { return false }
        values.append(value)
        return true
      }
    }
    guard isGood else {
      throw ArchiveError(file: path, reason: "tensor '\(name)': wanted \(wanted), found \(tensor.elementType.rawValue)")
    }
    return values
  }

  private func bytes(_ tensor: StoredTensor, _ name: String) throws(ArchiveError) -> [UInt8] {
    guard tensor.count > 0 else { return [] }
    do throws(Refusal) {
      return try container.bytes(tensor.byteRange, of: tensor.storage.key)
    } catch {
      throw ArchiveError(file: path, reason: "tensor '\(name)': \(error.reason)")
    }
  }
}
