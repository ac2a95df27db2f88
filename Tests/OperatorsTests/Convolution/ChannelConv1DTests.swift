import Compute
import Operators
import Support
import Testing

@Suite struct ChannelConv1DTests {
  static func convolved(_ inputs: [DoubleTensor]) -> [DoubleTensor] {
    let x = inputs[0], weight = inputs[1], taps = weight.shape.channels, channels = x.shape.channels
    var y = DoubleTensor(x.shape)
    for position in 0..<x.shape.count {
      let channel = position % channels
      for tap in 0..<taps {
        let source = channel + tap - (taps - 1) / 2
        guard source >= 0 && source < channels else { continue }
        let w = weight.values[weight.shape.rank == 1 ? tap : channel * taps + tap]
        y.values[position] += w * x.values[position - channel + source]
      }
    }
    return [y]
  }

  static let shapes: [Shape] = [
    [1, 1, 1, 1], [2, 1, 1, 3], [5, 1, 1, 16], [3, 1, 1, 20], [2, 3, 2, 40], [40, 1, 1, 270],
  ]

  static let cases = shapes.flatMap { shape in
    [1, 3, 5, 9].flatMap { taps in
      ([[taps], [shape.channels, taps]] as [Shape]).map { weight in
        OperatorCase("\(shape) with \(weight)", ChannelConv1D(), inputs: [shape, weight], reference: convolved)
      }
    }
  }

  @Test(arguments: cases) func promises(_ declared: OperatorCase) {
    #expect(declared.check() == [])
  }

  @Test func isACrossCorrelation() {
    let run = DirectRun(ChannelConv1D(), [([1, 1, 1, 4], [1, 2, 3, 4]), ([3], [100, 10, 1])])
    #expect(run.outputs == [[12, 123, 234, 340]])
    #expect(run.gradients([[1, 0, 0, 0]]) == [[10, 1, 0, 0], [0, 1, 2]])
  }

  @Test func gradientOfASharedFilterThatCancels() {
    // Terms of ±1,000 that leave 1: single-precision running sums would keep little of it.
    let channels = 2_048, rows = 32
    let x = (0..<rows * channels).map { Float($0 % 2 == 0 ? 1_000.25 : 1_000) }
    let dy = (0..<rows * channels).map { Float($0 % 2 == 0 ? 1 : -1) }
    let run = DirectRun(ChannelConv1D(), [([rows, 1, 1, channels] as Shape, x), ([1], [1])])
    #expect(run.gradients([dy])[1] == [0.25 * Float(rows * channels / 2)])
  }

  @Test func filtersThatDoNotFit() {
    for weight: Shape in [[2], [5, 3], [1, 16, 3]] {
      let error = #expect(throws: ShapeError.self) { try ChannelConv1D().outputShapes(for: [[2, 1, 1, 16], weight]) }
      #expect(
        error?.description
          == "cannot convolve the channels of [2, 1, 1, 16] with \(weight): wanted [k] or [16, k] with k odd")
    }
  }
}
