/// A shaped window on memory that somebody else owns: all that a kernel knows of a tensor.
///
/// The plan keeps the memory alive for as long as its views are used. Elements are contiguous, row-major.
public struct TensorView: @unchecked Sendable {
  /// The first element.
  public let pointer: UnsafeMutablePointer<Float>
  public let shape: Shape

  @inlinable
  public init(_ pointer: UnsafeMutablePointer<Float>, _ shape: Shape) {
    self.pointer = pointer
    self.shape = shape
  }

  /// The number of elements.
  @inlinable
  public var count: Int { shape.count }

  /// The same memory under another shape of the same element count.
  @inlinable
  public func reshaped(_ shape: Shape) -> TensorView { TensorView(pointer, shape) }

  /// The element at a flat index.
  @inlinable
  public subscript(index: Int) -> Float {
    get { pointer[index] }
    nonmutating set { pointer[index] = newValue }
  }

  /// A copy of the elements.
  public var array: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

  /// Writes `values`, which has exactly `count` elements.
  public func assign(_ values: [Float]) {
    precondition(values.count == count, "\(values.count) values for a view of \(count)")
    values.withUnsafeBufferPointer { pointer.update(from: $0.baseAddress!, count: count) }
  }
}
