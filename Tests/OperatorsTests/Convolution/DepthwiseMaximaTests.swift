import Compute
import Operators
import Support
import Testing

/// Maxima of a depth-wise convolution in one pass against the convolution and the maxima, written out in double.
@Suite struct DepthwiseMaximaTests {
  static func declare(_ label: String, _ convolution: DepthwiseConv2D, _ inputs: [Shape]) -> OperatorCase {
    let convolved = DepthwiseConv2DTests.reference(convolution)
    var declared = OperatorCase(
      label, DepthwiseMaxima(of: convolution, inputs: inputs)!, inputs: inputs, outputsWithGradient: [0, 2]
    ) { inputs in
      let y = convolved(inputs)[0], shape = y.shape
      func places(_ index: [Int]) -> [Double] {
        (0..<shape[1] * shape[2]).map { y[index[0], $0 / shape[2], $0 % shape[2], index[3]] }
      }
      func channels(_ index: [Int]) -> [Double] { (0..<shape[3]).map { y[index[0], index[1], index[2], $0] } }
      func position(_ values: [Double]) -> Double { Double(values.firstIndex(of: values.max()!)!) }
      let ofChannels: Shape = [shape[0], 1, 1, shape[3]], ofPlaces: Shape = [shape[0], shape[1], shape[2], 1]
      return [
        DoubleTensor(ofChannels) { places($0).max()! }, DoubleTensor(ofChannels) { position(places($0)) },
        DoubleTensor(ofPlaces) { channels($0).max()! }, DoubleTensor(ofPlaces) { position(channels($0)) },
      ]
    }
    // Numbers on a grid: the maximum jumps where two meet, and differences across a jump mean nothing.
    declared.derive = { inputs in
      var stream = RandomStream(RandomKey(7))
      inputs[0] = GatingTests.distinct(inputs[0].count, &stream)
    }
    return declared
  }

  static let cases = [
    declare("3x3", DepthwiseConv2D(padding: 1), [[2, 5, 7, 16], [3, 3, 16]]),
    declare("5x5 in several bands", DepthwiseConv2D(padding: 2), [[1, 23, 9, 32], [5, 5, 32]]),
    declare("5x5 of one place", DepthwiseConv2D(padding: 2), [[3, 1, 1, 32], [5, 5, 32]]),
    declare("stride and dilation", DepthwiseConv2D(stride: 2, padding: 2, dilation: 2), [[2, 8, 9, 16], [3, 3, 16]]),
  ]

  /// A column times a row, the same for all channels: what `SeparableFilter` takes, except the last.
  static let products = [
    ("5x5", DepthwiseConv2D(padding: 2), [1, 23, 9, 32] as Shape, 5, true),
    ("3x3, one place", DepthwiseConv2D(padding: 1), [2, 1, 1, 16], 3, true),
    ("stride and dilation", DepthwiseConv2D(stride: 2, padding: 3, dilation: 2), [2, 11, 8, 16], 3, true),
    ("another channel", DepthwiseConv2D(padding: 2), [1, 9, 9, 32], 5, false),
  ]

  @Test(arguments: products)
  func productsOfTapsAreEqualToRounding(
    label: String, convolution: DepthwiseConv2D, shape: Shape, size: Int, isProduct: Bool
  ) throws {
    let channels = shape[3], column: [Float] = [0.1, 0.3, 1, 0.5, -0.2], row: [Float] = [0.7, -0.4, 1.1, 0.2, 0.9]
    var filters = (0..<size * size * channels).map { column[$0 / channels / size] * row[$0 / channels % size] }
    if !isProduct { filters[channels * 7 + 20] += 0.01 }
    #expect((SeparableFilter(filters, height: size, width: size, channels: channels) != nil) == isProduct)
    var stream = RandomStream(RandomKey(3))
    let x = (0..<shape.count).map { _ in stream.uniform(-1, 1) }
    let inputs: [(Shape, [Float])] = [(shape, x), ([size, size, channels], filters)]
    let fused = DirectRun(try #require(DepthwiseMaxima(of: convolution, inputs: inputs.map(\.0))), inputs).outputs
    let blurred = DirectRun(convolution, inputs).outputs[0]
    let blurredShape = try convolution.outputShapes(for: inputs.map(\.0))[0]
    let wanted = DirectRun(Max(over: [1, 2]), [(blurredShape, blurred)]).outputs
      + DirectRun(Max(over: [3]), [(blurredShape, blurred)]).outputs
    // Sums of at most 25 products below 1.2; random values are nowhere so near each other that a winner changes.
    for values in [0, 2] { #expect(zip(fused[values], wanted[values]).allSatisfy { abs($0 - $1) < 25 * 0x1p-23 }) }
    for places in [1, 3] { #expect(fused[places] == wanted[places]) }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) { #expect(declared.check() == []) }

  /// The same bits as the operators that it stands for: also among equal values, of which the first wins, and where a
  /// value is no number.
  @Test(arguments: [Float.nan, -Float.infinity, 1])
  func ofEqualValuesTheFirstWins(value: Float) throws {
    let shape: Shape = [1, 6, 5, 16], convolution = DepthwiseConv2D(padding: 1)
    var x = [Float](repeating: value == 1 ? 1 : -2, count: shape.count)
    if value != 1 { for index in stride(from: 3, to: x.count, by: 37) { x[index] = value } }
    let filters: [Float] = (0..<9 * 16).map { $0 / 16 == 4 ? 1 : 0 }
    let inputs: [(Shape, [Float])] = [(shape, x), ([3, 3, 16], filters)]
    let fused = DirectRun(try #require(DepthwiseMaxima(of: convolution, inputs: inputs.map(\.0))), inputs).outputs
    let blurred = DirectRun(convolution, inputs).outputs[0]
    let places = DirectRun(Max(over: [1, 2]), [(shape, blurred)]).outputs
    let channels = DirectRun(Max(over: [3]), [(shape, blurred)]).outputs
    for (found, wanted) in zip(fused, places + channels) {
      #expect(found.map(\.bitPattern) == wanted.map(\.bitPattern))
    }
  }

  @Test func whereTheKernelPacksThereIsNone() {
    #expect(DepthwiseMaxima(of: DepthwiseConv2D(padding: 2), inputs: [[1, 8, 8, 20], [5, 5, 20]]) == nil)
    #expect(DepthwiseMaxima(of: DepthwiseConv2D(padding: 3), inputs: [[1, 8, 8, 16], [7, 7, 16]]) == nil)
    #expect(DepthwiseMaxima(of: DepthwiseConv2D(padding: 1), inputs: [[1, 8, 8, 16], [3, 3, 16], [16]]) == nil)
  }
}
