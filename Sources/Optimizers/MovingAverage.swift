import Compute

/// The exponential moving average of a flat block (Polyak averaging): a ← a + (1 - d)(x - a).
///
/// With warm-up d = min(decay, (1 + t) / (10 + t)) after t updates, so that the start is forgotten soon.
public struct MovingAverage: Hashable, Sendable {
  /// 0..<1.
  public var decay: Double
  public var warmsUp: Bool

  public init(decay: Double, warmsUp: Bool = false) {
    self.decay = decay
    self.warmsUp = warmsUp
  }

  /// The decay of the update that has `step` updates before it.
  public func decay(at step: Int) -> Double {
    warmsUp ? min(decay, Double(1 + step) / Double(10 + step)) : decay
  }

  /// Moves `average` towards `values`, both of `count` elements. All workers enter together.
  public func update(
    _ average: UnsafeMutablePointer<Float>, towards values: UnsafePointer<Float>, count: Int, step: Int,
    _ worker: Worker
  ) {
    let gain = Lanes(repeating: Float(1 - decay(at: step)))
    for tile in worker.ranges(count, by: ParameterLayout.tileElements) {
      for offset in stride(from: tile.lowerBound, to: tile.upperBound, by: 16) {
        let size = min(16, tile.upperBound - offset)
        let old = average.load(at: offset, size)
        average.put(old.addingProduct(values.load(at: offset, size) - old, gain), at: offset, size)
      }
    }
  }
}
