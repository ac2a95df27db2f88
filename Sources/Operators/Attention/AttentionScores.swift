import Compute

/// A row of a tile of scores: raw products q · k of one query with the keys of a block, and what is made of them in
/// place.
///
/// Rows lie in scratch memory padded to whole vectors, so that vectors past the end may be read and written.
struct AttentionScores {
  let products: UnsafeMutablePointer<Float>
  let bias: UnsafePointer<Float>?
  let scale: Float
  /// The keys that this query sees, from the block's first; the others count nothing.
  let visible: Int
  /// All keys of the block.
  let keys: Int

  /// Visits the logits, scale · q · k + bias, a vector at a time; lanes past the visible keys are -infinity.
  @inline(__always)
  private func visit(_ body: (_ at: Int, _ logits: Lanes) -> Void) {
    let scale = Lanes(repeating: scale), whole = visible / 16 * 16, rest = visible - whole
    var at = 0
    if let bias {
      while at < whole {
        body(at, bias.lanes(at: at).addingProduct(products.lanes(at: at), scale))
        at += 16
      }
      if rest > 0 {
        let logits = bias.lanes(at: at, count: rest).addingProduct(products.lanes(at: at), scale)
        body(at, logits.replacing(with: -.infinity, where: Self.laneNumbers .>= Int32(rest)))
      }
    } else {
      while at < whole {
        body(at, products.lanes(at: at) * scale)
        at += 16
      }
      if rest > 0 {
        body(at, (products.lanes(at: at) * scale).replacing(with: -.infinity, where: Self.laneNumbers .>= Int32(rest)))
      }
    }
  }

  @inline(__always)
  private static var laneNumbers: SIMD16<Int32> { SIMD16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) }

  /// Zeros in the vectors of `row` that hold no visible key.
  @inline(__always)
  private func hide(_ row: UnsafeMutablePointer<Float>) {
    var at = Lanes.padded(visible)
    while at < keys {
      row.store(Lanes(repeating: 0), at: at)
      at += 16
    }
  }

  /// Replaces the products by e^(logit - maximum), where the maximum takes in the blocks before this one, and adds them
  /// to the running sum.
  /// - Returns: the factor by which what was computed with the earlier maximum shrinks.
  @inline(__always)
  func exponentiate(_ maximum: inout Float, _ sum: inout Float) -> Float {
    var largest = Lanes(repeating: -.infinity)
    visit { _, logits in largest.replace(with: logits, where: logits .> largest) }
    let before = maximum
    maximum = max(before, largest.largest)
    hide(products)
    // Nothing seen so far: a difference of infinities would be no number.
    let shift = maximum == -.infinity ? 0 : maximum
    var sums = Lanes(repeating: 0)
    visit { at, logits in
      let powers = (logits - shift).boundedExponential
      products.store(powers, at: at)
      sums += powers
    }
    let factor = before == maximum ? 1 : Lanes(repeating: before - shift).boundedExponential[0]
    sum = sum * factor + sums.total
    return factor
  }

  /// Replaces the products by the probabilities P = e^(logit - logSumExp), and `slopes`, which holds the gradient dP,
  /// by scale · dS, dS = P ∘ (dP - delta): the gradients of the logits and of the products. dS goes to `biasGradient`.
  @inline(__always)
  func differentiate(
    logSumExp: Float, delta: Float, slopes: UnsafeMutablePointer<Float>, biasGradient: GradientTarget?, at place: Int
  ) {
    hide(products)
    hide(slopes)
    let factor = biasGradient == nil ? scale : 1
    visit { at, logits in
      let powers = (logits - logSumExp).boundedExponential
      products.store(powers, at: at)
      slopes.store(powers * (slopes.lanes(at: at) - delta) * factor, at: at)
    }
    guard let biasGradient else { return }
    inLanes(0..<keys) { at, count in
      let slope = slopes.lanes(at: at)
      biasGradient.put(slope, at: place + at, first: count)
      slopes.store(slope * scale, at: at)
    }
  }
}
