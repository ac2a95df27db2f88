import Compute

/// Adaptive gradient clipping (Brock, De, Smith, Simonyan; ICML 2021, eq. 3), in timm's form (`adaptive_clip_grad`).
/// The gradient G of each output unit (a filter, a row of a matrix, a whole vector) whose norm is not below λ · ‖W‖* is
/// scaled down to it:
/// ```
/// G = λ · ‖W‖* / max(‖G‖, 10⁻⁶) · G,    ‖W‖* = max(‖W‖, 10⁻³)
/// ```
/// The classifier is left alone, as in the paper's recipe.
///
/// A unit's squares are summed in double precision, in the order of its memory, by one worker: the bits do not depend on
/// the number of workers, nor on that of the ranks that share the update out. Of a unit that several of these have
/// elements of, each leaves its own in `shared`; added up over the ranks, where all but one addend are zero, they are
/// the unit.
public final class AdaptiveClipping: @unchecked Sendable {
  /// λ, above 0.
  public let factor: Double
  private let runs: [Run]
  private let sharedUnits: [SharedUnit]
  /// The gradients of units that several ranks have elements of; zero where others have them.
  public let shared: UnsafeMutableBufferPointer<Float>

  /// The least norm that weights count as: those that start at zero can leave it.
  private static let leastWeightNorm = 1e-3
  private static let leastGradientNorm = 1e-6

  /// Units of one tensor that this rank has whole.
  private struct Run {
    let start: Int
    let layout: OutputUnits
    let units: Range<Int>
  }

  /// A unit of which this rank has the elements `own`, if any.
  private struct SharedUnit {
    let start: Int
    let layout: OutputUnits
    let unit: Int
    let own: [Range<Int>]
    /// Where the unit begins in `shared`, and each of the ranges in `own`.
    let place: Int
    let ownPlaces: [Int]
  }

  /// - Parameters:
  ///   - layout: one that knows its tensors.
  ///   - own: the parts of the block that this rank updates; `nil` for all of it.
  ///   - cuts: where in the block the parts of two ranks meet, inside a tensor or not.
  public init(_ layout: ParameterLayout, factor: Double, own: [Range<Int>]? = nil, cuts: [Int] = []) {
    precondition(layout.groups.isEmpty || !layout.tensors.isEmpty, "units of tensors in a layout of groups")
    self.factor = factor
    let own = own ?? [0..<layout.extent]
    var runs: [Run] = [], sharedUnits: [SharedUnit] = [], place = 0
    for tensor in layout.tensors where !tensor.isClassifier {
      let units = tensor.units, start = tensor.group.range.lowerBound
      let size = max(ParameterLayout.tileElements / (units.outer * units.inner), 1)
      for unit in 0..<units.count {
        let rows = units.rows(unit).map { start + $0..<start + $0 + units.inner }
        // The rows of a unit may lie in the parts of different ranks, with the cut between them.
        if (rows[0].lowerBound..<rows[rows.count - 1].upperBound).isCut(by: cuts) {
          var ranges: [Range<Int>] = [], places: [Int] = []
          for (index, row) in rows.enumerated() {
            for range in own.map({ row.clamped(to: $0) }) where !range.isEmpty {
              ranges.append(range)
              places.append(place + index * units.inner + range.lowerBound - row.lowerBound)
            }
          }
          sharedUnits.append(
            SharedUnit(start: start, layout: units, unit: unit, own: ranges, place: place, ownPlaces: places))
          place += units.outer * units.inner
        } else if own.contains(where: { $0.contains(rows[0].lowerBound) }) {
          if let last = runs.last, last.start == start, last.units.upperBound == unit, last.units.count < size {
            runs[runs.count - 1] = Run(start: start, layout: units, units: last.units.lowerBound..<unit + 1)
          } else {
            runs.append(Run(start: start, layout: units, units: unit..<unit + 1))
          }
        }
      }
    }
    self.runs = runs
    self.sharedUnits = sharedUnits
    shared = .allocate(capacity: place)
    shared.initialize(repeating: 0)
  }

  deinit { shared.deallocate() }

  /// Leaves this rank's elements of shared units in `shared`.
  public func collect(_ gradients: UnsafePointer<Float>) {
    guard let memory = shared.baseAddress else { return }
    shared.update(repeating: 0)
    for unit in sharedUnits {
      for (range, place) in zip(unit.own, unit.ownPlaces) {
        (memory + place).update(from: gradients + range.lowerBound, count: range.count)
      }
    }
  }

  /// Clips the gradients of `parameters`, both flat blocks; shared units must be whole. All workers enter together; no
  /// barrier ends it.
  public func clip(
    _ gradients: UnsafeMutablePointer<Float>, of parameters: UnsafePointer<Float>, _ worker: Worker
  ) {
    for index in worker.tiles(runs.count) {
      let run = runs[index], inner = run.layout.inner
      for unit in run.units {
        let gradient = run.layout.norm(of: unit, in: UnsafePointer(gradients) + run.start)
        guard let scale = scale(gradient, run.layout.norm(of: unit, in: parameters + run.start)) else { continue }
        for row in run.layout.rows(unit) { Self.scale(gradients + run.start + row, inner, by: scale) }
      }
    }
    guard let memory = shared.baseAddress else { return }
    for index in worker.tiles(sharedUnits.count) {
      let unit = sharedUnits[index], layout = unit.layout
      let alone = OutputUnits(outer: layout.outer, count: 1, inner: layout.inner)
      let gradient = alone.norm(of: 0, in: UnsafePointer(memory) + unit.place)
      guard let scale = scale(gradient, layout.norm(of: unit.unit, in: parameters + unit.start)) else { continue }
      for range in unit.own { Self.scale(gradients + range.lowerBound, range.count, by: scale) }
    }
  }

  /// The factor to a unit's gradient; `nil` for 1.
  @inline(__always)
  private func scale(_ gradient: Double, _ weights: Double) -> Float? {
    let limit = factor * max(weights, Self.leastWeightNorm)
    return gradient < limit ? nil : Float(limit / max(gradient, Self.leastGradientNorm))
  }

  @inline(__always)
  private static func scale(_ values: UnsafeMutablePointer<Float>, _ count: Int, by scale: Float) {
    for index in 0..<count { values[index] *= scale }
  }
}

extension OutputUnits {
  /// Where the runs of `inner` elements of a unit begin.
  @inline(__always)
  fileprivate func rows(_ unit: Int) -> StrideTo<Int> {
    stride(from: unit * inner, to: outer * count * inner, by: count * inner)
  }

  fileprivate func norm(of unit: Int, in tensor: UnsafePointer<Float>) -> Double {
    var total = 0.0
    for row in rows(unit) { total += sumOfSquares(tensor + row, inner) }
    return total.squareRoot()
  }
}
