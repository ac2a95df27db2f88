import Compute

/// Adds `rows` rows of `width` floats to `sums`, element by element.
@inline(__always)
func addRows(_ values: UnsafePointer<Float>, rows: Int, width: Int, to sums: UnsafeMutablePointer<Float>) {
  for row in 0..<rows { addFloats(values + row * width, to: sums, count: width) }
}

/// Adds `parts` partial sums of `count` floats, `stride` apart, in their order, and puts the total where it belongs.
func merge(
  _ partials: UnsafePointer<Float>, _ parts: Int, stride: Int, count: Int, _ target: GradientTarget, _ worker: Worker
) {
  // 16,384 floats are 64 KiB: a tile of every part stays in the second-level cache.
  for range in worker.ranges(count, by: 16_384) {
    inLanes(range) { index, lanes in
      var total = partials.lanes(at: index, first: lanes)
      for part in 1..<max(parts, 1) { total += partials.lanes(at: part * stride + index, first: lanes) }
      target.put(total, at: index, first: lanes)
    }
  }
}
