import Compute
import Foundation
import Operators
import Support
import Testing

/// Both entropies of a map and its mean in one pass, and what one shift for all would lose: channels and places far
/// below the rest, maps without any spread.
@Suite struct SoftmaxEntropiesTests {
  /// Less than a vector of channels, vectors and a rest, several tiles an image, one place, one channel, one element.
  static let shapes: [Shape] = [
    [2, 5, 7, 3], [3, 4, 5, 24], [2, 9, 130, 16], [1, 33, 33, 64], [2, 7, 6, 300], [5, 1, 1, 20], [4, 3, 5, 1],
    [1, 1, 1, 1],
  ]

  /// An image of several tiles, and one that is a single tile with a rest of a vector.
  static let far: [Shape] = [[1, 29, 40, 48], [2, 5, 7, 19]]

  static let cases =
    shapes.map { declared("\($0)", $0) { _ in 0 } }
    + far.flatMap { shape in
      [
        declared("\(shape), channels at several levels", shape) { [0, -100, -15, -25, -45, 30][$0[3] % 6] },
        declared("\(shape), places at several levels", shape) { [0, -100, -25][($0[1] * 3 + $0[2]) % 3] },
        declared("\(shape), places that fall", shape) { Float($0[1] * shape[2] + $0[2]) * -0.2 },
        declared("\(shape), one image far below", shape) { $0[0] == 0 ? -1000 : 0 },
      ]
    }

  static func declared(_ label: String, _ shape: Shape, level: @escaping @Sendable ([Int]) -> Float) -> OperatorCase {
    var declared = OperatorCase(
      label, SoftmaxEntropies(), inputs: [shape], outputsWithGradient: [0, 2, 4],
      fill: { _, stream in stream.uniform(-4, 4) }, reference: { reference($0[0]) })
    declared.derive = { inputs in
      for index in inputs[0].indices { inputs[0][index] += level(shape.index(of: index)) }
    }
    // The logarithm of Σ e^x, which powers are taken below, is rounded by 3e-5 at a thousand.
    if label.hasSuffix("far below") { declared.tolerance = 1e-4 }
    return declared
  }

  /// Entropies and logarithms over the places, those over the channels, means.
  static func reference(_ x: DoubleTensor) -> [DoubleTensor] {
    let (shape, channels) = (x.shape, x.shape[3]), pixels = x.shape[1] * x.shape[2]
    func entropy(_ x: [Double]) -> (value: Double, logarithm: Double) {
      let largest = x.max() ?? 0
      let logarithm = largest + log(x.reduce(0) { $0 + exp($1 - largest) })
      return (x.reduce(0) { $0 - exp($1 - logarithm) * ($1 - logarithm) }, logarithm)
    }
    let overPlaces = (0..<shape[0] * channels).map { element in
      let start = element / channels * pixels * channels + element % channels
      return entropy((0..<pixels).map { x.values[start + $0 * channels] })
    }
    let rows = (0..<shape[0] * pixels).map { Array(x.values[$0 * channels..<($0 + 1) * channels]) }
    let overChannels = rows.map(entropy)
    let narrow: Shape = [shape[0], 1, channels], map: Shape = [shape[0], shape[1], shape[2], 1]
    return [
      DoubleTensor(narrow, overPlaces.map(\.value)), DoubleTensor(narrow, overPlaces.map(\.logarithm)),
      DoubleTensor(map, overChannels.map(\.value)), DoubleTensor(map, overChannels.map(\.logarithm)),
      DoubleTensor(map, rows.map { $0.reduce(0, +) / Double(channels) }),
    ]
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  /// A gate is made from how little entropies differ: they are good to the last places of a float near 8. Farther below
  /// the rest, where the shared shift still serves, products are rounded more.
  @Test(arguments: [(0, 1e-6), (-6, 1e-6), (-15, 2e-6), (-60, 1e-6)] as [(Float, Double)])
  func digits(_ level: Float, _ tolerance: Double) {
    let shape: Shape = [1, 56, 56, 40]
    var stream = RandomStream(RandomKey(5))
    let x = (0..<shape.count).map { stream.uniform(-2, 2) + ($0 % 40 == 7 ? level : 0) }
    let found = SingleRun.forward(SoftmaxEntropies(), [(shape, x)])
    for (found, wanted) in zip(found, Self.reference(DoubleTensor(shape, x.map(Double.init)))) {
      let scale = wanted.values.reduce(0) { max($0, abs($1)) }
      #expect(Deviation(of: found, from: wanted.values).relative * scale < tolerance)
    }
  }

  @Test func equalElementsHaveTheLargestEntropy() {
    let shape: Shape = [1, 5, 8, 21]
    for value in [-1e4, 0, 1e4, 1e10] as [Float] {
      let found = SingleRun.forward(SoftmaxEntropies(), [(shape, [Float](repeating: value, count: shape.count))])
      #expect(found[0] == [Float](repeating: Float(log(40.0)), count: 21))
      #expect(found[2] == [Float](repeating: Float(log(21.0)), count: 40))
    }
  }

  /// One place of each channel outweighs all others; a dead channel, far below, has the largest entropy all the same.
  @Test func endsOfTheRange() {
    let shape: Shape = [1, 5, 8, 21]
    let x = (0..<shape.count).map { index -> Float in
      let (place, channel) = (index / 21, index % 21)
      return channel == 4 ? -2e4 : channel == place % 21 ? 1e4 : -1e4
    }
    let found = SingleRun.forward(SoftmaxEntropies(), [(shape, x)])
    let wanted = Self.reference(DoubleTensor(shape, x.map(Double.init)))
    #expect(found[0][4] == Float(log(40.0)))
    for output in 0..<5 { #expect(Deviation(of: found[output], from: wanted[output].values).relative < 1e-7) }
  }

  /// A missing gradient is one of zeros, whether powers are shared or not.
  @Test(arguments: [0, -100] as [Float]) func missingGradients(_ level: Float) {
    let shape: Shape = [2, 4, 5, 19]
    var stream = RandomStream(RandomKey(6))
    let x = (0..<shape.count).map { stream.uniform(-2, 2) + ($0 % 19 == 3 ? level : 0) }
    let gradients: [[Float]?] = [38, nil, 40, nil, 40].map { count in
      count.map { (0..<$0).map { _ in stream.uniform(-1, 1) } }
    }
    var total = [Float](repeating: 0, count: shape.count)
    for output in [0, 2, 4] {
      var alone = [[Float]?](repeating: nil, count: 5), zeros = gradients.map { $0?.map { _ in Float(0) } }
      (alone[output], zeros[output]) = (gradients[output], gradients[output])
      let found = SingleRun.backward(SoftmaxEntropies(), [(shape, x)], outputGradients: alone)[0]
      #expect(found == SingleRun.backward(SoftmaxEntropies(), [(shape, x)], outputGradients: zeros)[0])
      for index in total.indices { total[index] += found[index] }
    }
    let all = SingleRun.backward(SoftmaxEntropies(), [(shape, x)], outputGradients: gradients)[0]
    #expect(Deviation(of: total, from: all.map(Double.init)).relative < 1e-6)
  }

  @Test func shapesThatDoNotFit() {
    #expect(throws: ShapeError.self) { try SoftmaxEntropies().outputShapes(for: [[2, 16, 8]]) }
  }
}
