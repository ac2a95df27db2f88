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
  worker.elements(count) { index in
    var total = partials.lanes(at: index)
    for part in 1..<max(parts, 1) { total += partials.lanes(at: part * stride + index) }
    target.put(total, at: index)
  } rest: { index in
    var total = partials[index]
    for part in 1..<max(parts, 1) { total += partials[part * stride + index] }
    target.put(total, at: index)
  }
}
