/// The gradients of a training batch norm at one channel, from two sums over its n values: Σ g and Σ g (x - mean), g
/// being the gradient at the norm's result.
///
/// With x̂ = (x - mean) r: dbias = Σ g, dweight = Σ g x̂, dx = weight r (g - Σ g / n - x̂ Σ g x̂ / n), written as
/// a g + b x + c (Ioffe, Szegedy; ICML 2015, section 3).
struct NormGradient {
  let dweight: Float
  let dbias: Float
  let a, b, c: Float

  /// - Parameter inverse: r = 1 / sqrt(variance + epsilon).
  @inline(__always)
  init(sum: Double, centeredSum: Double, count: Int, weight: Float, mean: Float, inverse: Float) {
    let inverse = Double(inverse), scale = Double(weight) * inverse, n = Double(count)
    let slope = -scale * centeredSum * inverse * inverse / n
    dweight = Float(centeredSum * inverse)
    dbias = Float(sum)
    a = Float(scale)
    b = Float(slope)
    c = Float(-scale * sum / n - slope * Double(mean))
  }
}
