import Compute
import Glibc

/// Entropy of a softmax along one axis, in nats: H = -Σ p ln p with p = e^x / Σ e^x; the axis stays with extent 1. How
/// evenly a channel is spread over an image, or a pixel over the channels.
///
/// With z = x - max x and S = Σ e^z it is ln S - Σ z e^z / S. Output 0 is the entropy, output 1 the logarithm of Σ e^x,
/// from which the backward pass has p. Entropies are near ln n and differ little from each other, so that both sums
/// are taken in double precision; runs of sixteen addends are not: their 2e-7 is below what a result near 8 is rounded
/// by.
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
    let x = UnsafePointer(call.inputs[0].pointer)
    let entropies = call.outputs[0].pointer, logarithms = call.outputs[1].pointer
    let layout = Layout(call.inputs[0].shape, axis)
    if layout.inner == 1 {
      for rows in worker.ranges(layout.outer, by: max(1, 16_384 / layout.length)) {
        for row in rows {
          let entropy = Self.entropy(ofRow: x + row * layout.length, layout.length)
          entropies[row] = entropy.value
          logarithms[row] = entropy.logarithm
        }
      }
      return
    }
    for tile in worker.tiles(layout.slices) {
      let (start, element, count) = layout.slice(tile)
      guard count == Layout.sliceWidth else {
        inLanes(0..<count) { offset, width in
          var columns = Columns(x, at: start + offset, width)
          for step in 0..<layout.length { columns.raise(x, at: start + offset + step * layout.inner, width) }
          for step in 0..<layout.length {
            columns.add(x, at: start + offset + step * layout.inner, width)
            if step & 7 == 7 { columns.flush() }
          }
          columns.put(at: element + offset, width, entropies, logarithms)
        }
        continue
      }
      // Four vectors side by side: 256 bytes of each row, where one would fetch a line a row from another page.
      var a = Columns(x, at: start, 16), b = Columns(x, at: start + 16, 16)
      var c = Columns(x, at: start + 32, 16), d = Columns(x, at: start + 48, 16)
      for row in stride(from: start, to: start + layout.length * layout.inner, by: layout.inner) {
        a.raise(x, at: row, 16)
        b.raise(x, at: row + 16, 16)
        c.raise(x, at: row + 32, 16)
        d.raise(x, at: row + 48, 16)
      }
      for step in 0..<layout.length {
        let row = start + step * layout.inner
        a.add(x, at: row, 16)
        b.add(x, at: row + 16, 16)
        c.add(x, at: row + 32, 16)
        d.add(x, at: row + 48, 16)
        guard step & 7 == 7 else { continue }
        a.flush()
        b.flush()
        c.flush()
        d.flush()
      }
      a.put(at: element, 16, entropies, logarithms)
      b.put(at: element + 16, 16, entropies, logarithms)
      c.put(at: element + 32, 16, entropies, logarithms)
      d.put(at: element + 48, 16, entropies, logarithms)
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
            dx.put(-dy[row] * logarithm.boundedExponential * (logarithm + entropies[row]), at: at, first: count)
          }
        }
      }
      return
    }
    for tile in worker.tiles(layout.slices) {
      let (start, element, count) = layout.slice(tile)
      for step in 0..<layout.length {
        let row = start + step * layout.inner
        // All of the slice at each step: neighbours in memory come together.
        inLanes(0..<count) { offset, width in
          let logarithm =
            x.lanes(at: row + offset, first: width) - logarithms.lanes(at: element + offset, first: width)
          let rest = logarithm + entropies.lanes(at: element + offset, first: width)
          let slope = -dy.lanes(at: element + offset, first: width)
          dx.put(slope * logarithm.boundedExponential * rest, at: row + offset, first: width)
        }
      }
    }
  }

  @inline(__always)
  static func entropy(ofRow x: UnsafePointer<Float>, _ length: Int) -> (value: Float, logarithm: Float) {
    let row = LaneRow(length)
    let largest = row.largest(of: x)
    var sums = PowerSums()
    row.visit { at, count in
      // Lanes past the end take the place of an x so small that its power is zero, and its product too.
      sums.add((x.lanes(at: at, first: count) - largest).keeping(first: count, orElse: -200))
      if at & 127 == 112 { sums.flush() }
    }
    sums.flush()
    return entropy(powers: sums.powers.sum(), products: sums.products.sum(), shift: largest)
  }

  /// The entropy and ln Σ e^x from Σ e^z and Σ z e^z, z = x - shift.
  @inline(__always)
  static func entropy(powers: Double, products: Double, shift: Float) -> (value: Float, logarithm: Float) {
    let logarithm = log(powers)
    return (Float(logarithm - products / powers), Float(Double(shift) + logarithm))
  }

  /// Σ e^z and Σ z e^z, sixteen of each; `flush` after sixteen at most.
  struct PowerSums {
    private(set) var powers = SIMD16<Double>(repeating: 0)
    private(set) var products = SIMD16<Double>(repeating: 0)
    private var fewPowers = Lanes(repeating: 0)
    private var fewProducts = Lanes(repeating: 0)

    @inline(__always)
    mutating func add(_ z: Lanes) { add(z, z.boundedExponential) }

    @inline(__always)
    mutating func add(_ z: Lanes, _ power: Lanes) {
      fewPowers += power
      fewProducts.addProduct(z, power)
    }

    @inline(__always)
    mutating func flush() {
      powers += SIMD16<Double>(fewPowers)
      products += SIMD16<Double>(fewProducts)
      (fewPowers, fewProducts) = (Lanes(repeating: 0), Lanes(repeating: 0))
    }
  }

  /// Up to sixteen distributions that lie beside each other.
  struct Columns {
    private(set) var largest: Lanes
    private(set) var sums = PowerSums()

    @inline(__always)
    init(_ x: UnsafePointer<Float>, at place: Int, _ count: Int) { largest = x.lanes(at: place, first: count) }

    @inline(__always)
    mutating func raise(_ x: UnsafePointer<Float>, at place: Int, _ count: Int) {
      let lanes = x.lanes(at: place, first: count)
      largest.replace(with: lanes, where: lanes .> largest)
    }

    @inline(__always)
    mutating func add(_ x: UnsafePointer<Float>, at place: Int, _ count: Int) {
      sums.add(x.lanes(at: place, first: count) - largest)
    }

    @inline(__always)
    mutating func flush() { sums.flush() }

    @inline(__always)
    mutating func put(
      at element: Int, _ count: Int, _ entropies: UnsafeMutablePointer<Float>, _ logarithms: UnsafeMutablePointer<Float>
    ) {
      sums.flush()
      for lane in 0..<count {
        let entropy = SoftmaxEntropy.entropy(
          powers: sums.powers[lane], products: sums.products[lane], shift: largest[lane])
        entropies[element + lane] = entropy.value
        logarithms[element + lane] = entropy.logarithm
      }
    }
  }

  /// The tensor as `[outer, length, inner]` around the axis; slices are neighbours of the inner extent.
  private struct Layout {
    static let sliceWidth = 64
    let outer: Int, length: Int, inner: Int

    init(_ shape: Shape, _ axis: Int) {
      let axis = axis < 0 ? shape.rank + axis : axis
      outer = shape.count(over: 0..<axis)
      length = shape[axis]
      inner = shape.count(over: axis + 1..<shape.rank)
    }

    private var across: Int { (inner + Self.sliceWidth - 1) / Self.sliceWidth }
    var slices: Int { outer * across }

    /// Where a slice starts along the axis, its first result, and how many neighbours it has.
    @inline(__always)
    func slice(_ index: Int) -> (start: Int, element: Int, count: Int) {
      let row = index / across, column = index % across * Self.sliceWidth
      return (row * length * inner + column, row * inner + column, min(Self.sliceWidth, inner - column))
    }
  }
}
