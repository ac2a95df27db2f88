import Compute

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

  /// Writes or adds dweight and dbias, and spreads a, b and c.
  @inline(__always)
  func put(
    _ channel: Int, _ dweight: GradientTarget?, _ dbias: GradientTarget?, over period: ChannelPeriod,
    into memory: UnsafeMutablePointer<Float>
  ) {
    dweight?.put(self.dweight, at: channel)
    dbias?.put(self.dbias, at: channel)
    spread(channel, over: period, into: memory)
  }

  /// Spreads a, b and c over a period each, one period behind the other.
  @inline(__always)
  func spread(_ channel: Int, over period: ChannelPeriod, into memory: UnsafeMutablePointer<Float>) {
    period.spread(a, channel, into: memory)
    period.spread(b, channel, into: memory + period.width)
    period.spread(c, channel, into: memory + 2 * period.width)
  }

  /// dx = a g + b x + c, with the coefficients as `spread` left them. All workers call this together.
  @inline(__always)
  static func combine(
    _ g: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>, count: Int, over period: ChannelPeriod,
    by a: UnsafeMutablePointer<Float>, into dx: GradientTarget, _ worker: Worker
  ) {
    let b = a + period.width, c = b + period.width, output = StreamedOutput(dx, besides: g, x)
    for range in worker.ranges(count, by: period.tileFloats) {
      period.visit(range) { index, place in
        let slope = c.lanes(at: place).addingProduct(b.lanes(at: place), x.streamedLanes(at: index))
        output.put(slope.addingProduct(a.lanes(at: place), g.streamedLanes(at: index)), at: index)
      } rest: { index, place in
        let slope = c[place].addingProduct(b[place], x[index])
        output.put(slope.addingProduct(a[place], g[index]), at: index)
      }
    }
  }
}
