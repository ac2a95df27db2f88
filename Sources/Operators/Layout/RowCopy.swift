import Compute

extension Worker {
  /// Copies `rows` rows of `width` floats between two tensors whose rows lie `sourceStride` and `targetStride` apart.
  @inline(__always)
  func copyRows(
    _ rows: Int, width: Int, from source: UnsafeMutablePointer<Float>, stride sourceStride: Int,
    to target: UnsafeMutablePointer<Float>, stride targetStride: Int
  ) {
    if width == 1 {
      // A column: the call that copies a row would cost more than the float.
      for range in ranges(rows, by: 16_384) {
        for row in range { target[row * targetStride] = source[row * sourceStride] }
      }
      return
    }
    forPieces(rows, width) { row, start, count in
      (target + row * targetStride + start).update(from: source + row * sourceStride + start, count: count)
    }
  }

  /// Writes or adds rows to a gradient, beginning `offset` into it.
  @inline(__always)
  func putRows(
    _ rows: Int, width: Int, from source: UnsafeMutablePointer<Float>, stride sourceStride: Int,
    to target: GradientTarget, offset: Int, stride targetStride: Int
  ) {
    if !target.accumulates {
      copyRows(
        rows, width: width, from: source, stride: sourceStride, to: target.pointer + offset, stride: targetStride)
      return
    }
    forPieces(rows, width) { row, start, count in
      let from = row * sourceStride, to = offset + row * targetStride
      inLanes(start..<start + count) { at, count in
        target.put(source.lanes(at: from + at, first: count), at: to + at, first: count)
      }
    }
  }

  /// Zeros rows.
  @inline(__always)
  func zeroRows(_ rows: Int, width: Int, _ target: UnsafeMutablePointer<Float>, stride: Int) {
    forPieces(rows, width) { row, start, count in
      (target + row * stride + start).update(repeating: 0, count: count)
    }
  }

  /// Deals rows in groups of about 16,384 floats, long rows in pieces of that length.
  @inline(__always)
  private func forPieces(_ rows: Int, _ width: Int, _ body: (_ row: Int, _ start: Int, _ count: Int) -> Void) {
    guard width > 0 else { return }
    let piece = 16_384, pieces = (width + piece - 1) / piece
    for range in ranges(rows * pieces, by: max(1, piece / width)) {
      for index in range {
        let start = index % pieces * piece
        body(index / pieces, start, min(piece, width - start))
      }
    }
  }
}

extension Shape {
  /// An axis counted from the front.
  /// - Throws: `ShapeError` when there is no such axis.
  func resolved(_ axis: Int, to purpose: String) throws(ShapeError) -> Int {
    guard axis >= -rank && axis < rank else {
      throw ShapeError("cannot \(purpose) \(self) along axis \(axis): it has axes 0 to \(rank - 1)")
    }
    return axis < 0 ? rank + axis : axis
  }
}
