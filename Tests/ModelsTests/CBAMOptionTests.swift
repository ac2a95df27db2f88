import Attention
import Compute
import Configuration
import Foundation
import Testing

/// The forms of CBAM that its paper compares (tables 1 to 3), against its equations written out.
@Suite struct CBAMOptionTests {
  struct Form: Sendable, CustomTestStringConvertible {
    var order = "channel_first"
    var squeeze = "pool"
    var kernel = 7
    /// Biases in the perceptron and a norm behind the convolution, as in the released code.
    var isReleased = true

    var testDescription: String { "\(order), \(squeeze), \(kernel)x\(kernel), \(isReleased ? "code" : "paper")" }
    var options: [String: ConfigValue] {
      [
        "name": "cbam", "reduction": 4, "order": .string(order), "squeeze": .string(squeeze),
        "spatial_kernel": .int(kernel), "bias": .bool(isReleased), "norm": .bool(isReleased),
      ]
    }
  }

  static let forms = ["channel_first", "spatial_first", "parallel"].flatMap { order in
    ["pool", "conv"].flatMap { squeeze in [3, 7].map { Form(order: order, squeeze: squeeze, kernel: $0) } }
  } + [Form(isReleased: false), Form(order: "parallel", squeeze: "conv", kernel: 3, isReleased: false)]

  @Test(arguments: forms) func agrees(form: Form) throws {
    let run = try ModuleRun(form.options, [2, 4, 5, 8])
    // C = 8, h = 2; biases 2 + 8, norm 2 with 2 statistics.
    let squeezed = form.squeeze == "pool" ? 2 : 1, window = form.kernel * form.kernel
    let count = 2 * 8 * 2 + squeezed * window + (form.squeeze == "pool" ? 0 : 8) + (form.isReleased ? 2 + 8 + 4 : 0)
    #expect(run.values.values.reduce(0) { $0 + $1.count } == count)
    let equations = Equations(run: run, form: form)
    let error = run.error { image in
      let pixels = (0..<run.positions).map { run.pixel(image, $0) }
      func byChannel(_ x: [[Double]]) -> [[Double]] {
        let gate = equations.channelLogits(x).map(sigmoid)
        return x.map { zip($0, gate).map { $0 * $1 } }
      }
      func byPlace(_ x: [[Double]]) -> [[Double]] {
        zip(x, equations.placeLogits(x)).map { pixel, logit in pixel.map { $0 * sigmoid(logit) } }
      }
      switch form.order {
      case "channel_first": return byPlace(byChannel(pixels))
      case "spatial_first": return byChannel(byPlace(pixels))
      default:
        let channels = equations.channelLogits(pixels), places = equations.placeLogits(pixels)
        return zip(pixels, places).map { pixel, place in
          zip(pixel, channels).map { $0 * sigmoid($1 + place) }
        }
      }
    }
    #expect(error < 1e-5)
  }

  /// One image's logits from its pixels.
  struct Equations {
    let run: ModuleRun
    let form: Form

    func channelLogits(_ x: [[Double]]) -> [Double] {
      let columns = (0..<8).map { c in x.map { $0[c] } }
      let mean = columns.map { $0.reduce(0, +) / Double($0.count) }, most = columns.map { $0.max()! }
      func layer(_ v: [Double], _ number: Int) -> [Double] {
        let weight = run["ChannelGate.mlp.\(number).weight"], outputs = weight.count / v.count
        let bias = form.isReleased ? run["ChannelGate.mlp.\(number).bias"] : [Double](repeating: 0, count: outputs)
        return (0..<outputs).map { o in v.indices.reduce(bias[o]) { $0 + weight[o * v.count + $1] * v[$1] } }
      }
      func f(_ v: [Double]) -> [Double] { layer(layer(v, 1).map { max(0, $0) }, 3) }
      return zip(f(mean), f(most)).map { $0 + $1 }
    }

    func placeLogits(_ x: [[Double]]) -> [Double] {
      // The maximum comes first.
      let maps: [[Double]] = form.squeeze == "pool"
        ? x.map { [$0.max()!, $0.reduce(0, +) / 8] }
        : x.map { [zip($0, run["SpatialGate.compress.weight"]).reduce(0) { $0 + $1.0 * $1.1 }] }
      let weight = run["SpatialGate.spatial.conv.weight"], count = maps[0].count, half = form.kernel / 2
      return (0..<20).map { place in
        var sum = 0.0
        for row in 0..<form.kernel {
          for column in 0..<form.kernel {
            let (y, x) = (place / 5 + row - half, place % 5 + column - half)
            guard (0..<4).contains(y), (0..<5).contains(x) else { continue }
            for map in 0..<count { sum += weight[(row * form.kernel + column) * count + map] * maps[y * 5 + x][map] }
          }
        }
        guard form.isReleased else { return sum }
        func norm(_ name: String) -> Double { run["SpatialGate.spatial.bn.\(name)"][0] }
        return (sum - norm("running_mean")) / (norm("running_var") + 1e-5).squareRoot() * norm("weight") + norm("bias")
      }
    }
  }
}
