import Compute
import Operators
import Support
import Testing

/// Large results are written past the caches where they begin with a cache line: the numbers are those of ordinary stores,
/// which the same call makes on memory that lies off the lines.
@Suite struct StreamedOutputTests {
  /// More than 4 MiB.
  static let map: Shape = [5, 66, 66, 64]
  static let channels: Shape = [64]

  static let cases: [(any Operator, [Shape])] = [
    (Normalize(.relu), [map, channels, channels, channels, channels]),
    (Normalize(.relu6, hasResidual: true), [map, channels, channels, channels, channels, map]),
    (ReLU(), [map]),
    (Add(), [map, map]),
    (Multiply(), [map, [5, 1, 1, 64]]),
    (Multiply(), [map, [5, 66, 66, 1]]),
    (GatedResidual(.relu, hasChannelGate: true, hasSpatialGate: true), [map, map, [5, 1, 1, 64], [5, 66, 66, 1]]),
    (NormalizeSqueeze(hasMaximum: true), [map, channels, channels, channels, channels]),
    (Conv2D(), [map, [80, 1, 1, 64]]),
    (Conv2D(stride: 1, padding: 1, dilation: 1, groups: 1, method: .winograd), [map, [64, 3, 3, 64]]),
    (Conv2D(stride: 1, padding: 2), [[5, 66, 66, 16], [64, 5, 5, 16]]),
    (NormalizedConv2D(Conv2D(), .relu), [map, channels, channels, channels, channels, [80, 1, 1, 64]]),
  ]

  @Test(arguments: cases.indices) func numbersAreTheSame(index: Int) {
    let (subject, shapes) = Self.cases[index]
    var stream = RandomStream(RandomKey(9).appending(index))
    let inputs = shapes.map { shape in (shape, (0..<shape.count).map { _ in stream.uniform(-1, 1) }) }
    let streamed = DirectRun(subject, inputs), stored = DirectRun(subject, inputs, misalignment: 4)
    #expect(streamed.outputs == stored.outputs, "\(subject.name)")
    let slopes = streamed.outputShapes.prefix(1).map { shape in (0..<shape.count).map { _ in stream.uniform(-1, 1) } }
    #expect(streamed.gradients(slopes) == stored.gradients(slopes), "\(subject.name)")
  }
}
