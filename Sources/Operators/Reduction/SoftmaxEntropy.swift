import Compute
import Glibc

/// Entropy of a softmax along one axis, in nats: H = -Σ p ln p with p = e^x / Σ e^x; the axis stays with extent 1. How
/// evenly a channel is spread over an image, or a pixel over the channels.
///
/// With z = x - max x and S = Σ e^z it is ln S - Σ z e^z / S. Output 0 is the entropy, output 1 the logarithm of Σ e^x,
/// from which the backward pass has p. Entropies are near ln n and differ little from each other, so that both sums
/// are taken in double precision.
public struct SoftmaxEntropy: Operator {
  /// The axis of the distribution; negative counts from the end.
  public let axis: Int

  public init(axis: Int) { self.axis = axis }

  public var name: String { "softmax_entropy" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let axis = try inputs[0].resolved(axis, to: "take the entropy of")
    var result = inputs[0]
    result[axis] = 1
    return [result, result]
  }

  public var keeps: Kept { Kept(inputs: [0], outputs: [0, 1]) }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let x = call.inputs[0].pointer, entropies = call.outputs[0].pointer, logarithms = call.outputs[1].pointer
    let layout = Layout(call.inputs[0].shape, axis)
    if layout.inner == 1 {
      for rows in worker.ranges(layout.outer, by: max(1, 16_384 / layout.length)) {
        for row in rows {
          let entropy = Self.entropy(ofRow: UnsafePointer(x + row * layout.length), layout.length)
          entropies[row] = entropy.value
          logarithms[row] = entropy.logarithm
        }
      }
      return
    }
    for tile in worker.tiles(layout.slices) {
      let (start, element, count) = layout.slice(tile)
      var largest = Lanes(repeating: -.infinity)
      for step in 0..<layout.length {
        let lanes = x.lanes(at: start + step * layout.inner, first: count)
        largest.replace(with: lanes, where: lanes .> largest)
      }
      var sum = SIMD16<Double>(repeating: 0), products = SIMD16<Double>(repeating: 0)
      for step in 0..<layout.length {
        let z = x.lanes(at: start + step * layout.inner, first: count) - largest
        let power = z.exponential
        sum += SIMD16<Double>(power)
        products += SIMD16<Double>(z * power)
      }
      for lane in 0..<count {
        let logarithm = log(sum[lane])
        entropies[element + lane] = Float(logarithm - products[lane] / sum[lane])
        logarithms[element + lane] = Float(Double(largest[lane]) + logarithm)
      }
    }
  }

  /// dx = -dy p (ln p + H), ln p = x - ln Σ e^x.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0]?.pointer else { return }
    let x = call.inputs[0].pointer, entropies = call.outputs[0].pointer, logarithms = call.outputs[1].pointer
    let layout = Layout(call.inputs[0].shape, axis)
    if layout.inner == 1 {
      for rows in worker.ranges(layout.outer, by: max(1, 16_384 / layout.length)) {
        for row in rows {
          let start = row * layout.length
          inLanes(start..<start + layout.length) { at, count in
            let logarithm = x.lanes(at: at, first: count) - logarithms[row]
            dx.put(-dy[row] * logarithm.exponential * (logarithm + entropies[row]), at: at, first: count)
          }
        }
      }
      return
    }
    for tile in worker.tiles(layout.slices) {
      let (start, element, count) = layout.slice(tile)
      let slope = -dy.lanes(at: element, first: count)
      let entropy = entropies.lanes(at: element, first: count), total = logarithms.lanes(at: element, first: count)
      for step in 0..<layout.length {
        let at = start + step * layout.inner
        let logarithm = x.lanes(at: at, first: count) - total
        dx.put(slope * logarithm.exponential * (logarithm + entropy), at: at, first: count)
      }
    }
  }

  @inline(__always)
  private static func entropy(ofRow x: UnsafePointer<Float>, _ length: Int) -> (value: Float, logarithm: Float) {
    let row = LaneRow(length)
    let largest = row.largest(of: x)
    var sum = SIMD16<Double>(repeating: 0), products = SIMD16<Double>(repeating: 0)
    row.visit { at, count in
      // Lanes past the end take the place of an x so small that its power is zero, and its product too.
      let z = x.lanes(at: at, first: count, fill: largest - 200) - largest
      let power = z.exponential
      sum += SIMD16<Double>(power)
      products += SIMD16<Double>(z * power)
    }
    let total = sum.sum(), logarithm = log(total)
    return (Float(logarithm - products.sum() / total), Float(Double(largest) + logarithm))
  }

  /// The tensor as `[outer, length, inner]` around the axis; slices are up to sixteen neighbours of the inner extent.
  private struct Layout {
    let outer: Int, length: Int, inner: Int

    init(_ shape: Shape, _ axis: Int) {
      let axis = axis < 0 ? shape.rank + axis : axis
      outer = shape.count(over: 0..<axis)
      length = shape[axis]
      inner = shape.count(over: axis + 1..<shape.rank)
    }

    private var across: Int { (inner + 15) / 16 }
    var slices: Int { outer * across }

    /// Where a slice starts along the axis, its first result, and how many neighbours it has.
    @inline(__always)
    func slice(_ index: Int) -> (start: Int, element: Int, count: Int) {
      let row = index / across, column = index % across * 16
      return (row * length * inner + column, row * inner + column, min(16, inner - column))
    }
  }
}
