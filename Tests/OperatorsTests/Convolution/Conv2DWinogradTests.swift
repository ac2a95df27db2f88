import Compute
import Operators
import Support
import Testing

/// Winograd's method against the definition, against image-to-columns on the same numbers, and its rounding error where
/// networks use it.
@Suite struct Conv2DWinogradTests {
  struct Case: Sendable, CustomStringConvertible {
    let description: String
    var padding: Extent2D = 1
    let inputs: [Shape]

    func options(_ method: ConvolutionMethod?) -> Conv2D {
      Conv2D(stride: 1, padding: padding, dilation: 1, groups: 1, method: method)
    }
  }

  static let small = [
    Case(description: "whole tiles of whole vectors", inputs: [[1, 8, 8, 16], [16, 3, 3, 16]]),
    Case(description: "odd sides, channels left over", inputs: [[2, 9, 7, 20], [18, 3, 3, 20]]),
    Case(description: "few channels with bias", inputs: [[3, 5, 6, 3], [5, 3, 3, 3], [5]]),
    Case(description: "without padding", padding: 0, inputs: [[2, 11, 6, 6], [17, 3, 3, 6], [17]]),
    Case(description: "padding of two", padding: 2, inputs: [[1, 6, 5, 16], [4, 3, 3, 16]]),
    Case(description: "more padding than the filter, which the data gradient cannot turn", padding: .init(3, 1),
      inputs: [[1, 4, 6, 4], [4, 3, 3, 4]]),
    Case(description: "a pixel", inputs: [[2, 1, 1, 2], [3, 3, 3, 2], [3]]),
    Case(description: "parts of the batch, the last one shorter", inputs: [[67, 3, 4, 2], [3, 3, 3, 2]]),
  ]

  @Test(arguments: small) func promises(_ declared: Case) {
    let options = declared.options(.winograd)
    let subject = OperatorCase(
      declared.description, options, inputs: declared.inputs, reference: Conv2DTests.reference(options))
    #expect(subject.check() == [])
  }

  static let large = [
    Case(description: "many chunks", inputs: [[5, 29, 30, 40], [72, 3, 3, 40], [72]]),
    Case(description: "sums for all, two groups of tiles", inputs: [[9, 15, 16, 512], [384, 3, 3, 512]]),
    Case(description: "four parts", inputs: [[8, 14, 13, 272], [256, 3, 3, 272]]),
  ]

  @Test(arguments: large) func agreesWithColumns(_ declared: Case) {
    var stream = RandomStream(RandomKey(6).appending(declared.description))
    func numbers(_ count: Int) -> [Float] { (0..<count).map { _ in stream.uniform(-1, 1) } }
    let inputs = declared.inputs.map { ($0, numbers($0.count)) }
    let found = DirectRun(declared.options(.winograd), inputs)
    let wanted = DirectRun(declared.options(.imageToColumns), inputs)
    let slopes = [numbers(wanted.outputs[0].count)]
    let three = DirectRun(declared.options(.winograd), inputs, workers: 3)
    #expect(found.outputs == three.outputs, "two workers and three")
    let gradients = found.gradients(slopes)
    #expect(gradients == three.gradients(slopes), "two workers and three")
    for (mine, theirs) in zip(found.outputs + gradients, wanted.outputs + wanted.gradients(slopes)) {
      #expect(Deviation(of: mine, from: theirs.map(Double.init)).relative < 1e-5)
    }
  }

  /// ResNet-50's four stages: rounding within 1e-5 of the largest magnitude, against double precision at 200 places.
  @Test(arguments: [(56, 64), (28, 128), (14, 256), (7, 512)]) func roundsLittle(side: Int, channels: Int) {
    let x: Shape = [2, side, side, channels], w: Shape = [channels, 3, 3, channels]
    var stream = RandomStream(RandomKey(8).appending(side))
    func numbers(_ count: Int) -> [Float] { (0..<count).map { _ in stream.uniform(-1, 1) } }
    // Activations are positive: they come from a ReLU.
    let inputs = [(x, numbers(x.count).map(abs)), (w, numbers(w.count))], slopes = numbers(x.count)
    let run = DirectRun(Conv2D(stride: 1, padding: 1, dilation: 1, groups: 1, method: .winograd), inputs)
    let gradients = run.gradients([slopes])
    func pixel(_ values: [Float], _ image: Int, _ row: Int, _ column: Int, _ channel: Int) -> Double {
      guard row >= 0, row < side, column >= 0, column < side else { return 0 }
      return Double(values[((image * side + row) * side + column) * channels + channel])
    }
    func filter(_ output: Int, _ tap: Int, _ channel: Int) -> Double {
      Double(inputs[1].1[(output * 9 + tap) * channels + channel])
    }
    func check(_ what: String, _ found: [Float], _ shape: Shape, _ exact: ([Int]) -> Double) {
      let places = (0..<200).map { _ in stream.integer(below: found.count) }
      let wanted = places.map { exact(shape.index(of: $0)) }
      let scale = found.reduce(0) { max($0, abs(Double($1))) }
      for (place, value) in zip(places, wanted) { #expect(abs(Double(found[place]) - value) < 1e-5 * scale, "\(what)") }
    }
    check("y", run.outputs[0], x) { at in
      (0..<9).reduce(0) { sum, tap in
        (0..<channels).reduce(sum) {
          $0 + filter(at[3], tap, $1) * pixel(inputs[0].1, at[0], at[1] + tap / 3 - 1, at[2] + tap % 3 - 1, $1)
        }
      }
    }
    check("dx", gradients[0], x) { at in
      (0..<9).reduce(0) { sum, tap in
        (0..<channels).reduce(sum) {
          $0 + filter($1, tap, at[3]) * pixel(slopes, at[0], at[1] - tap / 3 + 1, at[2] - tap % 3 + 1, $1)
        }
      }
    }
    check("dw", gradients[1], w) { at in
      (0..<2 * side * side).reduce(0) { sum, place in
        let image = place / (side * side), row = place / side % side, column = place % side
        return sum + pixel(slopes, image, row, column, at[0])
          * pixel(inputs[0].1, image, row + at[1] - 1, column + at[2] - 1, at[3])
      }
    }
  }
}
