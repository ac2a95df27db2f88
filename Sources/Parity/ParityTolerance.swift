import Foundation

/// How far our numbers may lie from a file's, which were computed in float64.
///
/// A deviation is the largest difference divided by the largest absolute value that the file has for the tensor.
/// Allowed are four times the deviation of the reference's own float32 run where the file states it, else 1e-5 for
/// outputs and running statistics and 1e-4 for gradients. A gradient is never measured against less than a thousandth
/// of the file's largest gradient; one that is zero by structure (`zero_gradient`) only against that largest gradient
/// itself, because what remains of it is the rounding of terms of that size. In a file that does not list them, those
/// are the gradients that double precision found to be below 1e-9 of the largest: of a bias in front of a batch norm
/// PyTorch's own float32 run leaves 2e-5 of it. Counters must be equal.
struct ParityTolerance {
  private struct Float32Error: Decodable {
    var outputs: Double?
    var gradients: Double?
  }

  let outputs: Double
  let gradients: Double
  /// `nil` where the file does not list them.
  private let zeroGradients: Set<String>?
  private let largestGradient: Double

  /// - Parameter gradients: the file's gradients, of parameters and inputs.
  init(_ fixture: Fixture, gradients: [[Float]]) throws {
    let stated = try fixture.decoded("float32_error", as: Float32Error.self)
    for (name, error) in [("outputs", stated?.outputs), ("gradients", stated?.gradients)] {
      if let error, !(error >= 0 && error < 1) {
        throw FixtureError("metadata 'float32_error'", wanted: "\(name) within 0..<1", found: "\(error)")
      }
    }
    outputs = stated?.outputs.map { 4 * $0 } ?? 1e-5
    self.gradients = stated?.gradients.map { 4 * $0 } ?? 1e-4
    zeroGradients = try fixture.decoded("zero_gradient", as: [String].self).map(Set.init)
    largestGradient = gradients.reduce(0) { max($0, Self.magnitude($1)) }
  }

  /// The deviation of `found` from `wanted`, and what is allowed, for the tensor at `key`.
  func comparison(_ key: String, found: [Float], wanted: [Float], isCounter: Bool) -> ParityComparison {
    var difference = 0.0
    for (x, y) in zip(found, wanted) {
      let distance = abs(Double(x) - Double(y))
      // Not-a-number compares as false with everything.
      if !(distance <= difference) { difference = distance.isNaN ? .infinity : distance }
    }
    let isGradient = key.hasPrefix("train.grad.") || key.hasPrefix("train.grad_input.")
    var scale = Self.magnitude(wanted)
    if isGradient { scale = max(scale, 1e-3 * largestGradient) }
    let parameters = "train.grad."
    if key.hasPrefix(parameters), isZero(String(key.dropFirst(parameters.count)), wanted) { scale = largestGradient }
    let error = difference == 0 ? 0 : scale > 0 ? difference / scale : difference
    return ParityComparison(tensor: key, error: error, tolerance: isCounter ? 0 : isGradient ? gradients : outputs)
  }

  private func isZero(_ parameter: String, _ wanted: [Float]) -> Bool {
    zeroGradients?.contains(parameter) ?? (Self.magnitude(wanted) <= 1e-9 * largestGradient)
  }

  private static func magnitude(_ values: [Float]) -> Double { values.reduce(0) { max($0, Double(abs($1))) } }
}

/// One tensor of ours against the file's.
public struct ParityComparison: Hashable, Sendable {
  /// The key in the file.
  public let tensor: String
  /// The largest difference, relative as `ParityTolerance` says.
  public let error: Double
  public let tolerance: Double

  public var passes: Bool { error <= tolerance }

  /// How much of the tolerance is used; above 1 is too much.
  var share: Double { error == 0 ? 0 : error / tolerance }
}
