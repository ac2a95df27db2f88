import Compute
import Operators
import Support
import Testing

/// Maximum and average pooling over windows and over bins.
@Suite struct PoolingTests {
  /// The inputs that an output takes, along one axis, by the definition of windows; negative ones are padding.
  struct Axis: Sendable {
    let outputs: Int
    let window: @Sendable (Int) -> Range<Int>

    /// Counts windows by sliding one along the axis.
    init(inputs: Int, kernel: Int, stride: Int, padding: Int, ceilMode: Bool) {
      var starts: [Int] = [], start = -padding
      func isWhole(_ start: Int) -> Bool { start + kernel <= inputs + padding }
      func hangsOver(_ start: Int) -> Bool { start < inputs && start - stride + kernel < inputs + padding }
      while isWhole(start) || (ceilMode && hangsOver(start)) {
        starts.append(start)
        start += stride
      }
      outputs = starts.count
      window = { [starts] in starts[$0]..<min(starts[$0] + kernel, inputs + padding) }
    }

    init(inputs: Int, bins: Int) {
      outputs = bins
      window = { bin in
        let start = Double(bin * inputs) / Double(bins), end = Double((bin + 1) * inputs) / Double(bins)
        return Int(start.rounded(.down))..<Int(end.rounded(.up))
      }
    }
  }

  /// The twin. `pool` gets the elements that lie inside the image with their positions, and the window's whole count.
  static func pooling(
    _ shape: Shape, _ rows: Axis, _ columns: Axis,
    _ pool: @escaping @Sendable (_ inside: [(value: Double, position: Int)], _ count: Int) -> [Double]
  ) -> @Sendable ([DoubleTensor]) -> [DoubleTensor] {
    let result: Shape = [shape[0], rows.outputs, columns.outputs, shape[3]]
    // Which elements go where is worked out once a case.
    let windows = (0..<result.count).map { flat in
      let index = result.index(of: flat)
      let rowWindow = rows.window(index[1]), columnWindow = columns.window(index[2])
      let inside = rowWindow.filter { $0 >= 0 && $0 < shape[1] }.flatMap { h in
        columnWindow.filter { $0 >= 0 && $0 < shape[2] }.map { w in
          (source: shape.flat([index[0], h, w, index[3]]), position: h * shape[2] + w)
        }
      }
      return (inside: inside, count: rowWindow.count * columnWindow.count)
    }
    return { inputs in
      let x = inputs[0].values
      let results = windows.map { window in
        pool(window.inside.map { (value: x[$0.source], position: $0.position) }, window.count)
      }
      return results[0].indices.map { k in DoubleTensor(result, results.map { $0[k] }) }
    }
  }

  static func largest(_ inside: [(value: Double, position: Int)], _ count: Int) -> [Double] {
    var best = inside[0]
    for element in inside where element.value > best.value { best = element }
    return [best.value, Double(best.position)]
  }

  static func mean(_ inside: [(value: Double, position: Int)], _ count: Int) -> [Double] {
    [inside.reduce(0) { $0 + $1.value } / Double(inside.count)]
  }

  static func paddedMean(_ inside: [(value: Double, position: Int)], _ count: Int) -> [Double] {
    [inside.reduce(0) { $0 + $1.value } / Double(count)]
  }

  static let shapes: [Shape] = [[2, 7, 9, 3], [1, 8, 6, 20], [2, 5, 5, 1], [1, 6, 7, 40], [1, 4, 9, 16]]
  static let windows: [(kernel: Extent2D, stride: Extent2D, padding: Extent2D)] = [
    (2, 2, 0), (3, 2, 1), (3, 1, 1), (3, 3, 1), (2, 3, 1), (Extent2D(1, 3), Extent2D(2, 1), Extent2D(0, 1)),
    (Extent2D(4, 2), Extent2D(3, 2), Extent2D(2, 0)),
  ]

  static let windowCases = shapes.flatMap { shape in
    windows.flatMap { kernel, stride, padding in
      [false, true].flatMap { ceilMode in
        let rows = Axis(
          inputs: shape[1], kernel: kernel.height, stride: stride.height, padding: padding.height, ceilMode: ceilMode)
        let columns = Axis(
          inputs: shape[2], kernel: kernel.width, stride: stride.width, padding: padding.width, ceilMode: ceilMode)
        let label = "\(shape), kernel \(kernel), stride \(stride), padding \(padding), ceil \(ceilMode)"
        let maximum = MaxPool2D(kernel: kernel, stride: stride, padding: padding, ceilMode: ceilMode)
        return [OperatorCase(label, maximum, inputs: [shape], reference: pooling(shape, rows, columns, largest))]
          + [false, true].map { countsPadding in
            OperatorCase(
              label + ", padding counts \(countsPadding)",
              AveragePool2D(
                kernel: kernel, stride: stride, padding: padding, countsPadding: countsPadding, ceilMode: ceilMode),
              inputs: [shape], reference: pooling(shape, rows, columns, countsPadding ? paddedMean : mean))
          }
      }
    }
  }

  static let binCases = shapes.flatMap { shape in
    ([1, 2, 7, Extent2D(3, 4), Extent2D(11, 1), Extent2D(5, 13)] as [Extent2D]).flatMap { output in
      let rows = Axis(inputs: shape[1], bins: output.height), columns = Axis(inputs: shape[2], bins: output.width)
      return [
        OperatorCase(
          "\(shape) to \(output)", AdaptiveMaxPool2D(output: output), inputs: [shape],
          reference: pooling(shape, rows, columns, largest)),
        OperatorCase(
          "\(shape) to \(output)", AdaptiveAveragePool2D(output: output), inputs: [shape],
          reference: pooling(shape, rows, columns, mean)),
      ]
    }
  }

  @Test(arguments: windowCases) func windowPromises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test(arguments: binCases) func binPromises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func equalElementsSendTheGradientToTheFirst() {
    let run = DirectRun(MaxPool2D(kernel: 3, stride: 2, padding: 1), [([1, 3, 3, 1], [Float](repeating: 4, count: 9))])
    #expect(run.gradients([[1, 2, 3, 4]])[0] == [1, 2, 0, 3, 4, 0, 0, 0, 0])
  }

  @Test func maximumOfNegativeAndMissingNumbers() {
    // Padding never wins, not even over -infinity; NaN always does.
    let infinities = [Float](repeating: -.infinity, count: 4)
    let low = DirectRun(MaxPool2D(kernel: 3, stride: 2, padding: 1), [([1, 2, 2, 1], infinities)])
    #expect(low.outputs == [[-.infinity], [0]])
    let nan = DirectRun(AdaptiveMaxPool2D(output: 1), [([1, 1, 3, 1], [5, .nan, 7])])
    #expect(nan.outputs[0][0].isNaN && nan.outputs[1] == [1])
  }

  @Test func shapesThatDoNotFit() {
    func sentence(_ subject: any Operator, _ shape: Shape) -> String? {
      #expect(throws: ShapeError.self) { try subject.outputShapes(for: [shape]) }?.description
    }
    #expect(
      sentence(MaxPool2D(kernel: 3), [1, 2, 2, 8])
        == "cannot apply max_pool2d to [1, 2, 2, 8]: the kernel 3 x 3 is larger than the padded input")
    #expect(
      sentence(AveragePool2D(kernel: 2, padding: 2), [1, 8, 8, 8])
        == "cannot apply average_pool2d to [1, 8, 8, 8]: padding 2 x 2 must be at most half of the kernel 2 x 2")
    #expect(
      sentence(AdaptiveMaxPool2D(output: 7), [8, 8])
        == "cannot apply adaptive_max_pool2d to [8, 8]: wanted [N, H, W, C]")
  }
}
