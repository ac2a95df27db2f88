import Compute

/// Adaptive gradient clipping (Brock, De, Smith, Simonyan; ICML 2021, eq. 3), in timm's form (`adaptive_clip_grad`). The
/// gradient G of each output unit (a filter, a row of a matrix, a whole vector) whose norm is not below λ · ‖W‖* is
/// scaled down to it:
/// ```
/// G = λ · ‖W‖* / max(‖G‖, 10⁻⁶) · G,    ‖W‖* = max(‖W‖, 10⁻³)
/// ```
/// The classifier is left alone, as in the paper's recipe. A unit's squares are summed in double precision, in the order
/// of its memory, by one worker: the bits do not depend on the number of workers.
public struct AdaptiveClipping: Sendable {
  /// λ, above 0.
  public let factor: Double
  private let parts: [Part]

  /// The least norm that weights count as: those that start at zero can leave it.
  private static let leastWeightNorm = 1e-3
  private static let leastGradientNorm = 1e-6

  /// Some units of one tensor.
  private struct Part: Sendable {
    let start: Int
    let layout: OutputUnits
    let units: Range<Int>
  }

  /// - Parameter layout: one that knows its tensors.
  public init(_ layout: ParameterLayout, factor: Double) {
    precondition(layout.groups.isEmpty || !layout.tensors.isEmpty, "units of tensors in a layout of groups")
    self.factor = factor
    parts = layout.tensors.filter { !$0.isClassifier }.flatMap { tensor in
      let units = tensor.units, size = max(ParameterLayout.tileElements / (units.outer * units.inner), 1)
      return stride(from: 0, to: units.count, by: size).map {
        Part(start: tensor.group.range.lowerBound, layout: units, units: $0..<min($0 + size, units.count))
      }
    }
  }

  /// Clips the gradients of `parameters`, both flat blocks. All workers enter together; no barrier ends it.
  public func clip(
    _ gradients: UnsafeMutablePointer<Float>, of parameters: UnsafePointer<Float>, _ worker: Worker
  ) {
    for index in worker.tiles(parts.count) {
      let part = parts[index]
      for unit in part.units {
        let weights = Self.norm(parameters + part.start, part.layout, unit)
        let gradient = Self.norm(UnsafePointer(gradients) + part.start, part.layout, unit)
        let limit = factor * max(weights, Self.leastWeightNorm)
        if gradient < limit { continue }
        let scale = Float(limit / max(gradient, Self.leastGradientNorm))
        for row in Self.rows(part.layout, unit) {
          let row = gradients + part.start + row
          for offset in 0..<part.layout.inner { row[offset] *= scale }
        }
      }
    }
  }

  private static func norm(_ tensor: UnsafePointer<Float>, _ layout: OutputUnits, _ unit: Int) -> Double {
    var total = 0.0
    for row in rows(layout, unit) { total += sumOfSquares(tensor + row, layout.inner) }
    return total.squareRoot()
  }

  /// Where the runs of `inner` elements of a unit begin.
  @inline(__always)
  private static func rows(_ layout: OutputUnits, _ unit: Int) -> StrideTo<Int> {
    let step = layout.count * layout.inner
    return stride(from: unit * layout.inner, to: layout.outer * step, by: step)
  }
}
