/// Named tensors in a file, whatever its format.
public protocol TensorFile: Sendable {
  var path: String { get }
  /// The tensors' names in alphabetical order.
  var names: [String] { get }

  /// Whether the file has a tensor of this name.
  func contains(_ name: String) -> Bool
  /// How its elements are stored.
  func elementType(of name: String) throws -> ElementType
  /// The extents, outermost first, in the file's own layout; empty for a single number.
  func shape(of name: String) throws -> [Int]
  /// The elements as floats, in the order of the file's shape; other floating-point types are converted.
  func floats(_ name: String) throws -> [Float]
  /// The elements of a tensor of whole numbers; of truth values as 0 and 1.
  func integers(_ name: String) throws -> [Int]
}
