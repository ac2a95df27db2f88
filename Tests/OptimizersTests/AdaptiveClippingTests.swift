import Compute
import Optimizers
import Testing

/// Against the gradients that timm 1.0.15's `adaptive_clip_grad` left with λ = 0.01, in this program's memory order.
@Suite struct AdaptiveClippingTests {
  private static let matrix: [Float] = [0.5, -1, 0.25, 0.001, 0, -0.002, 0, 0, 0, 2, 1, -2]
  private static let matrixGradient: [Float] = [0.25, 0.5, -1, 0.5, 0.25, 0.125, 1, 2, -2, 0.01, 0.005, -0.01]
  private static let depthwise: [Float] = [-0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75]
  private static let depthwiseGradient: [Float] = [-1, 0.0005, -0.5, 1, 0, -1, 0.5, -0.0005, 1, 0, -0.001, 0.5]
  private static let vector: [Float] = [3, 4, 0]
  private static let vectorGradient: [Float] = [0.3, -0.4, 1.2]

  private static let wanted: [Float] =
    [
      0.00249999994, 0.00499999989, -0.00999999978, 1.95180019e-05, 9.75900093e-06, 4.87950047e-06, 3.33333355e-06,
      6.6666671e-06, -6.6666671e-06, 0.00999999978, 0.00499999989, -0.00999999978,
    ] + [
      -0.00623609545, 0.000500000024, -0.00295803975, 0.00623609545, 0, -0.00591607951, 0.00311804772,
      -0.000500000024, 0.00591607951, 0, -0.00100000005, 0.00295803975,
    ] + [0.0115384599, -0.0153846135, 0.0461538397]

  /// A matrix `[4, 3]`, depth-wise filters `[2, 2, 3]` (`[3, 1, 2, 2]` in files) and a vector.
  private static func layout(classifier: Int? = nil) -> ParameterLayout {
    let units = [
      OutputUnits(fileShape: [4, 3], axes: [0, 1]), OutputUnits(fileShape: [3, 1, 2, 2], axes: [2, 3, 0, 1]),
      OutputUnits(fileShape: [3], axes: [0]),
    ]
    let tensors = zip([0..<12, 12..<24, 24..<27], units).enumerated().map { index, tensor in
      ParameterTensor(
        ParameterGroup(tensor.0, decays: index < 2), units: tensor.1, isClassifier: index == classifier)
    }
    return ParameterLayout(tensors: tensors)
  }

  private func clip(_ weights: [Float], _ gradients: [Float], _ layout: ParameterLayout, workers: Int = 1) -> [Float] {
    let memory = [weights, gradients].map { values in
      let pointer = UnsafeMutablePointer<Float>.allocate(capacity: values.count)
      pointer.initialize(from: values, count: values.count)
      return TensorView(pointer, [values.count])
    }
    defer { for view in memory { view.pointer.deallocate() } }
    let clipping = AdaptiveClipping(layout, factor: 0.01)
    WorkerTeam(count: workers).run { worker in
      clipping.clip(memory[1].pointer, of: UnsafePointer(memory[0].pointer), worker)
    }
    return memory[1].array
  }

  @Test func asTimm() {
    let found = clip(
      Self.matrix + Self.depthwise + Self.vector,
      Self.matrixGradient + Self.depthwiseGradient + Self.vectorGradient, Self.layout())
    for (index, (value, wanted)) in zip(found, Self.wanted).enumerated() {
      // Two roundings more or less of single precision.
      #expect(abs(value - wanted) <= 3e-7 * abs(wanted), "\(index): \(value), \(wanted)")
    }
  }

  @Test func theClassifierIsLeftAlone() {
    let gradients = Self.matrixGradient + Self.depthwiseGradient + Self.vectorGradient
    let found = clip(Self.matrix + Self.depthwise + Self.vector, gradients, Self.layout(classifier: 0))
    #expect(Array(found[..<12]) == Self.matrixGradient)
    #expect(found[12] != gradients[12])
  }

  @Test func anyNumberOfWorkersGivesTheSameBits() {
    let shapes = [([300, 200], [0, 1]), ([700, 1, 3, 3], [2, 3, 0, 1]), ([9], [0]), ([64, 32, 3, 3], [0, 2, 3, 1])]
    var offset = 0
    let tensors = shapes.map { shape, axes in
      defer { offset += (shape.reduce(1, *) + 15) / 16 * 16 }
      return ParameterTensor(
        ParameterGroup(offset..<offset + shape.reduce(1, *), decays: true),
        units: OutputUnits(fileShape: shape, axes: axes))
    }
    let weights = (0..<offset).map { Float($0 * 7919 % 1009) * 1e-3 - 0.5 }
    let gradients = (0..<offset).map { Float($0 * 104_729 % 997) * 1e-3 - 0.4 }
    let results = [1, 2, 3].map { clip(weights, gradients, ParameterLayout(tensors: tensors), workers: $0) }
    #expect(results[0] != gradients && results[1] == results[0] && results[2] == results[0])
  }

  @Test func unitsFollowTheFilesFirstAxis() {
    #expect(OutputUnits(fileShape: [8, 3, 5, 5], axes: [0, 2, 3, 1]) == OutputUnits(outer: 1, count: 8, inner: 75))
    #expect(OutputUnits(fileShape: [8, 1, 3, 3], axes: [2, 3, 0, 1]) == OutputUnits(outer: 9, count: 8, inner: 1))
    #expect(OutputUnits(fileShape: [6, 4], axes: [1, 0]) == OutputUnits(outer: 4, count: 6, inner: 1))
    #expect(OutputUnits(fileShape: [1, 7, 1, 1], axes: [0, 1, 2, 3]) == OutputUnits(outer: 1, count: 1, inner: 7))
    #expect(OutputUnits(fileShape: [7], axes: [0]) == OutputUnits(outer: 1, count: 1, inner: 7))
  }
}
