import Foundation
import PyTorchArchives
import Safetensors

/// The tensors that lie at a path: of a checkpoint folder, which is verified, the model's and the moments beside them;
/// of a file of safetensors or `torch.save` its own.
public struct StoredTensors {
  public let path: String
  /// What the files are: `safetensors`, `torch.save, under state_dict`.
  public let format: String
  /// What a checkpoint says of its run.
  public let info: CheckpointInfo?
  /// In alphabetical order, without what wraps every name.
  public let names: [String]
  private let places: [String: (file: any TensorFile, name: String)]

  /// What of a checkpoint folder is meant.
  public enum Part: Sendable {
    /// Parameters and running statistics.
    case model
    /// Moments too.
    case everything
  }

  /// - Parameter takesAverage: whether the moving average is read that a file of `torch.save` may hold.
  /// - Throws: `CheckpointError`, `SafetensorsError`, `ArchiveError`.
  public init(_ path: String, part: Part = .everything, takesAverage: Bool = false) throws {
    let files: [any TensorFile]
    if StoredWeights(path).isFile {
      let file = try WeightFile.open(path, takesAverage: takesAverage)
      files = [file]
      info = nil
      format = (file as? PyTorchFile).map { "torch.save" + ($0.location.isEmpty ? "" : ", under \($0.location)") }
        ?? "safetensors"
    } else {
      let reader = try CheckpointReader(path)
      files = part == .model ? [reader.model] : [reader.model, reader.optimizer]
      info = reader.info
      format = "checkpoint"
    }
    var places: [String: (file: any TensorFile, name: String)] = [:]
    for file in files {
      for (reference, name) in PublishedNames.references(to: file.names, prefix: "", isKnown: { _ in true }) {
        places[reference] = (file, name)
      }
    }
    self.path = path
    self.places = places
    names = places.keys.sorted()
  }

  /// One tensor's description.
  public struct Description: Hashable, Sendable {
    public let elementType: ElementType
    public let shape: [Int]
    public var count: Int { shape.reduce(1, *) }
  }

  /// The description of the tensor `name`; `nil` where there is none.
  public func description(_ name: String) throws -> Description? {
    guard let place = places[name] else { return nil }
    return Description(
      elementType: try place.file.elementType(of: place.name), shape: try place.file.shape(of: place.name))
  }

  /// The numbers of the tensor `name`, those of whole numbers exact up to 2^53; empty where there is none.
  public func values(_ name: String) throws -> [Double] {
    guard let place = places[name] else { return [] }
    return try place.file.elementType(of: place.name).isFloatingPoint
      ? try place.file.floats(place.name).map(Double.init) : try integers(name).map(Double.init)
  }

  /// The whole numbers of the tensor `name`; empty where there is none.
  public func integers(_ name: String) throws -> [Int] {
    try places[name].map { try $0.file.integers($0.name) } ?? []
  }
}
