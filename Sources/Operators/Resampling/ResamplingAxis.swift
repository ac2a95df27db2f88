/// Which inputs an output along one axis is interpolated from, and which outputs read an input.
///
/// Positions are computed in 32-bit floats in the order PyTorch computes them, so that both fall on the same side of a
/// pixel.
struct ResamplingAxis {
  let inputs: Int
  let outputs: Int
  private let method: Resize2D.Method
  private let scale: Float

  init(inputs: Int, outputs: Int, _ method: Resize2D.Method) {
    (self.inputs, self.outputs, self.method) = (inputs, outputs, method)
    if case .bilinear(alignCorners: true) = method {
      scale = outputs > 1 ? Float(inputs - 1) / Float(outputs - 1) : 0
    } else {
      scale = Float(inputs) / Float(outputs)
    }
  }

  /// Two neighbouring inputs (the same one at the end) and the second one's weight.
  struct Source {
    let low: Int
    let high: Int
    let weight: Float
  }

  @inline(__always)
  func source(of output: Int) -> Source {
    let position: Float
    switch method {
    case .nearest:
      let index = min(Int(Float(output) * scale), inputs - 1)
      return Source(low: index, high: index, weight: 0)
    case .bilinear(alignCorners: true): position = Float(output) * scale
    case .bilinear(alignCorners: false): position = max(scale * (Float(output) + 0.5) - 0.5, 0)
    }
    let low = min(Int(position), inputs - 1)
    return Source(low: low, high: min(low + 1, inputs - 1), weight: min(max(position - Float(low), 0), 1))
  }

  /// The weight of `input` in `output`, which reads it.
  @inline(__always)
  func weight(of input: Int, in output: Int) -> Float {
    let source = source(of: output)
    return (source.low == input ? 1 - source.weight : 0) + (source.high == input ? source.weight : 0)
  }

  /// The outputs that read `input`. Sources ascend with the output, so both ends are found by bisection, by the very
  /// rule that the forward pass uses: a formula of its own might round otherwise.
  func readers(of input: Int) -> Range<Int> {
    let first = firstOutput { $0.high >= input }
    return first..<max(first, firstOutput { $0.low > input })
  }

  @inline(__always)
  private func firstOutput(_ holds: (Source) -> Bool) -> Int {
    var low = 0, high = outputs
    while low < high {
      let middle = (low + high) / 2
      if holds(source(of: middle)) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
