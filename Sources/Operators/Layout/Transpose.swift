import Compute

/// Axes in another order: axis k of the result is axis `order[k]` of the input.
///
/// Swapping the last two axes (after whatever stays in front) goes by blocks of 32 x 32, so that both sides use whole
/// cache lines; when the last axis stays, whole rows are copied; everything else goes element by element.
public struct Transpose: Operator {
  public let order: [Int]

  /// - Parameter order: a permutation of 0..<rank.
  public init(_ order: [Int]) { self.order = order }

  public var name: String { "transpose" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    guard order.sorted() == Array(0..<inputs[0].rank) else {
      throw ShapeError("cannot transpose \(inputs[0]) to axes \(order): wanted each of 0 to \(inputs[0].rank - 1) once")
    }
    return [Shape(order.map { inputs[0][$0] })]
  }

  public var keeps: Kept { .nothing }

  public var isCheapToRepeat: Bool { true }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let target = GradientTarget(call.outputs[0], accumulates: false)
    permute(call.inputs[0].pointer, call.inputs[0].shape, isInverse: false, target, worker)
  }

  /// dx = dy with its axes in the first order.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0] else { return }
    permute(dy.pointer, dy.shape, isInverse: true, dx, worker)
  }

  /// The axis of the source that becomes axis `axis` of the target.
  @inline(__always)
  private func origin(_ axis: Int, isInverse: Bool) -> Int {
    guard isInverse else { return order[axis] }
    var position = 0
    while order[position] != axis { position += 1 }
    return position
  }

  private func permute(
    _ source: UnsafeMutablePointer<Float>, _ shape: Shape, isInverse: Bool, _ target: GradientTarget, _ worker: Worker
  ) {
    let rank = shape.rank
    var front = 0
    while front < rank && origin(front, isInverse: isInverse) == front { front += 1 }
    if front == rank {
      worker.putRows(1, width: shape.count, from: source, stride: 0, to: target, offset: 0, stride: 0)
      return
    }
    // A rotation of the axes behind the common front is one swap of two merged axes.
    let split = origin(front, isInverse: isInverse)
    var isRotation = true
    for axis in front..<rank {
      let rotated = front + (axis - front + split - front) % (rank - front)
      if origin(axis, isInverse: isInverse) != rotated { isRotation = false }
    }
    if isRotation {
      swap(
        source, matrices: shape.count(over: 0..<front), rows: shape.count(over: front..<split),
        columns: shape.count(over: split..<rank), target, worker)
      return
    }
    var outer = StridedAxes()
    let rowStays = origin(rank - 1, isInverse: isInverse) == rank - 1
    for axis in 0..<rank - (rowStays ? 1 : 0) {
      let from = origin(axis, isInverse: isInverse)
      outer.append(extent: shape[from], stride: shape.stride(of: from))
    }
    let width = rowStays ? shape.channels : 1
    for range in worker.ranges(outer.count, by: max(1, 16_384 / width)) {
      for row in range {
        let from = outer.offset(of: row)
        if width == 1 {
          target.put(source[from], at: row)
        } else {
          inLanes(0..<width) { at, count in
            target.put(source.lanes(at: from + at, first: count), at: row * width + at, first: count)
          }
        }
      }
    }
  }

  /// [rows, columns] to [columns, rows] for each matrix.
  private func swap(
    _ source: UnsafeMutablePointer<Float>, matrices: Int, rows: Int, columns: Int, _ target: GradientTarget,
    _ worker: Worker
  ) {
    let block = 32
    let rowBlocks = (rows + block - 1) / block, columnBlocks = (columns + block - 1) / block
    let blocks = rowBlocks * columnBlocks
    for range in worker.ranges(matrices * blocks, by: 16) {
      for index in range {
        let base = index / blocks * rows * columns
        let top = index % blocks / columnBlocks * block, left = index % columnBlocks * block
        let bottom = min(top + block, rows), right = min(left + block, columns)
        for column in left..<right {
          for row in top..<bottom {
            target.put(source[base + row * columns + column], at: base + column * rows + row)
          }
        }
      }
    }
  }
}
