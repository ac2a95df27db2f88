import Safetensors

/// A tensor of a pickle: a window into a storage, with strides.
///
/// Element (i₀, i₁, …) is element offset + Σ iₖ · strideₖ of the storage. Bounds are checked when it is made: a window
/// never leads out of its storage.
struct StoredTensor: Hashable, Sendable {
  /// Elements that a tensor may have beyond those of its storage: one number can be repeated along a whole axis.
  static let largestRepeated = 1 << 24
  /// As PyTorch has it.
  static let mostAxes = 64

  let storage: StorageReference
  let elementType: ElementType
  /// Elements from the beginning of the storage.
  let offset: Int
  let shape: [Int]
  /// 0 along an axis of one element, whatever the file says.
  let strides: [Int]
  /// The number of elements.
  let count: Int
  /// The elements of the storage from the first that the window reads to the last.
  let span: Range<Int>

  /// - Throws: `Refusal` for extents and strides that lead out of the storage.
  init(
    _ storage: StorageReference, _ elementType: ElementType, offset: Int, shape: [Int], strides: [Int]
  ) throws(Refusal) {
    let elements = storage.view.count * storage.type.byteCount / elementType.byteCount
    func refusal(_ wanted: String) -> Refusal {
      Refusal(
        "wanted \(wanted), found a tensor of shape \(shape) with strides \(strides) at \(offset) of storage "
          + "'\(storage.key)', which has \(elements) elements")
    }
    guard shape.count == strides.count, shape.count <= Self.mostAxes,
      (shape + strides + [offset]).allSatisfy({ $0 >= 0 })
    else {
      throw refusal("as many strides as extents, none of them negative")
    }
    let count = shape.contains(0) ? 0 : Self.product(shape)
    guard let count, count <= max(elements, Self.largestRepeated) else {
      throw refusal("a tensor no larger than its storage")
    }
    var last: Int? = offset
    for (extent, stride) in zip(shape, strides) where count > 0 {
      let (reach, isTooLarge) = (extent - 1).multipliedReportingOverflow(by: stride)
      guard !isTooLarge, let (sum, overflow) = last?.addingReportingOverflow(reach), !overflow else {
        last = nil
        break
      }
      last = sum
    }
    guard let last, count == 0 || last < elements else { throw refusal("a tensor within its storage") }
    self.storage = storage
    self.elementType = elementType
    self.offset = offset
    self.shape = shape
    self.strides = zip(shape, strides).map { $0 == 1 ? 0 : $1 }
    self.count = count
    let begin = storage.view.lowerBound * storage.type.byteCount / elementType.byteCount
    span = count == 0 ? 0..<0 : begin + offset..<begin + last + 1
  }

  /// The bytes of `span` within the storage.
  var byteRange: Range<Int> {
    span.lowerBound * elementType.byteCount..<span.upperBound * elementType.byteCount
  }

  /// Whether the elements lie one after the other in the order of the shape.
  var isContiguous: Bool {
    var wanted = 1
    for (extent, stride) in zip(shape, strides).reversed() where extent != 1 {
      if stride != wanted { return false }
      wanted *= extent
    }
    return true
  }

  /// Calls `body` with the place of every element within `span`, in the order of the shape.
  func forEachPlace(_ body: (_ place: Int) -> Bool) -> Bool {
    var index = [Int](repeating: 0, count: shape.count), place = 0
    for _ in 0..<count {
      guard body(place) else { return false }
      for axis in shape.indices.reversed() {
        index[axis] += 1
        place += strides[axis]
        if index[axis] < shape[axis] { break }
        place -= index[axis] * strides[axis]
        index[axis] = 0
      }
    }
    return true
  }

  private static func product(_ extents: [Int]) -> Int? {
    extents.reduce(Optional(1)) { product, extent in
      guard let (partial, overflow) = product?.multipliedReportingOverflow(by: extent), !overflow else { return nil }
      return partial
    }
  }
}
