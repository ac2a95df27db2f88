import Compute

/// A walk over some axes of a tensor in row-major order of their extents: step number to memory offset.
///
/// The general paths use it where no fast path fits. It lives on the stack.
struct StridedAxes {
  private var extents = SIMD8<Int>(repeating: 1)
  private var strides = SIMD8<Int>(repeating: 0)
  private var rank = 0
  /// The number of steps of the whole walk.
  private(set) var count = 1

  init() {}

  /// The axes of a contiguous `shape` for which `isIncluded` holds.
  init(_ shape: Shape, where isIncluded: (_ axis: Int) -> Bool) {
    for axis in 0..<shape.rank where isIncluded(axis) {
      append(extent: shape[axis], stride: shape.stride(of: axis))
    }
  }

  /// All axes of `result` in the memory of `operand`, which is broadcast to it: repeated axes have stride 0.
  init(of operand: Shape, broadcastTo result: Shape, axes: Range<Int>) {
    let missing = result.rank - operand.rank
    for axis in axes {
      let own = axis - missing
      let isRepeated = own < 0 || operand[own] == 1
      append(extent: result[axis], stride: isRepeated ? 0 : operand.stride(of: own))
    }
  }

  /// Adds an innermost axis.
  mutating func append(extent: Int, stride: Int) {
    extents[rank] = extent
    strides[rank] = stride
    rank += 1
    count *= extent
  }

  /// The offset of a step.
  func offset(of step: Int) -> Int {
    var rest = step, offset = 0, axis = rank - 1
    while axis >= 0 {
      let extent = extents[axis]
      offset += rest % extent * strides[axis]
      rest /= extent
      axis -= 1
    }
    return offset
  }
}

extension Shape {
  /// The elements between neighbours along `axis`.
  func stride(of axis: Int) -> Int { count(over: axis + 1..<rank) }
}
