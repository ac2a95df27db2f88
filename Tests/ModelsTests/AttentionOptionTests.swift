import Attention
import Compute
import Configuration
import Foundation
import Graphs
import Models
import Testing

/// The forms of a module that its paper compares, each against a few lines that compute the same in another way.
@Suite struct AttentionOptionTests {
  private static let shape: Shape = [2, 4, 5, 32]

  /// y = x σ(W mean(x)), W full of zeros but for its blocks of `width` channels.
  @Test(arguments: [("var1", 0), ("var2", 1), ("var3", 32), ("gc1", 2), ("gc2", 16), ("gc3", 8)])
  func `Excitation without the narrow layer`(variant: String, width: Int) throws {
    let run = try ModuleRun(["name": "se", "variant": .string(variant)], Self.shape)
    #expect(run.values.keys.sorted() == (width == 0 ? [] : ["conv.weight"]))
    let weights = width == 0 ? [] : run["conv.weight"]
    #expect(weights.count == 32 * width)
    let error = run.error { image in
      let means = run.means(image)
      let gate = (0..<32).map { c in
        guard width > 0 else { return sigmoid(means[c]) }
        let block = c / width * width
        return sigmoid((0..<width).reduce(0) { $0 + weights[c * width + $1] * means[block + $1] })
      }
      return (0..<run.positions).map { p in zip(run.pixel(image, p), gate).map { $0 * $1 } }
    }
    #expect(error < 1e-6)
  }

  @Test func `A context whose hidden units are not normalised`() throws {
    let run = try ModuleRun(["name": "gc", "norm": false, "pooling": "avg", "ratio": 0.25], Self.shape)
    let layers = ["0.bias", "0.weight", "3.bias", "3.weight"].map { "channel_add_conv.\($0)" }
    #expect(run.values.keys.sorted() == layers)
    let (v1, b1) = (run["channel_add_conv.0.weight"], run["channel_add_conv.0.bias"])
    let (v2, b2) = (run["channel_add_conv.3.weight"], run["channel_add_conv.3.bias"])
    let error = run.error { image in
      let means = run.means(image)
      let hidden = (0..<8).map { h in max(0, (0..<32).reduce(b1[h]) { $0 + v1[h * 32 + $1] * means[$1] }) }
      let added = (0..<32).map { c in (0..<8).reduce(b2[c]) { $0 + v2[c * 8 + $1] * hidden[$1] } }
      return (0..<run.positions).map { p in zip(run.pixel(image, p), added).map { $0 + $1 } }
    }
    #expect(error < 1e-5)
  }

  /// By hand: t = ⌊|(log₂ C + b) / γ|⌋, and one more when even.
  @Test(arguments: [
    (2, 1, [16: 3, 64: 3, 96: 3, 127: 3, 128: 5, 160: 5, 256: 5, 320: 5, 512: 5, 1024: 5, 2047: 5, 2048: 7]),
    (1, 1, [64: 7, 128: 9, 1: 1]), (4, 1, [64: 1, 2048: 3]), (2, 0, [16: 3, 64: 3, 1024: 5]), (1, -10, [16: 7]),
  ] as [(Double, Double, [Int: Int])])
  func `Taps by the rule`(gamma: Double, b: Double, taps: [Int: Int]) throws {
    let rule = EfficientChannelAttention.Rule(gamma: gamma, b: b)
    for (channels, count) in taps { #expect(rule.taps(forChannels: channels) == count, "\(channels)") }
    for name in ["eca", "sem"] {
      let run = try ModuleRun(["name": .string(name), "gamma": .float(gamma), "b": .float(b)], [1, 2, 2, 64])
      #expect(run["conv.weight"].count == rule.taps(forChannels: 64), "\(name)")
    }
  }

  /// What a run file can ask for beyond the defaults.
  static let forms: [[String: ConfigValue]] =
    ["var1", "var2", "var3", "gc1", "gc2", "gc3"].map { ["name": "se", "variant": .string($0)] }
    + ["channel_first", "spatial_first", "parallel"].flatMap { order in
      ["pool", "conv"].map {
        ["name": "cbam", "order": .string(order), "squeeze": .string($0), "spatial_kernel": 3, "reduction": 1]
      }
    } + [
      ["name": "cbam", "bias": false, "norm": false, "reduction": 1], ["name": "gc", "norm": false, "ratio": 1],
      ["name": "eca", "kernels": "auto", "per_channel": true], ["name": "split", "hidden": 12],
      ["name": "gc", "ratio": 1, "place": "after_add"], ["name": "se", "reduction": 1, "place": "after_add"],
    ]

  /// The plan, its slow twin and a gradient for every parameter, in a small residual network.
  @Test(arguments: forms) func `Every form trains`(options: [String: ConfigValue]) throws {
    let slot = try AttentionCatalog.slot(ConfigSection(options))
    let graph = try AttentionWalkTests.graph(AttentionWalkTests.residual(.bottleneck, slot), images: [4, 32, 32, 3])
    let plan = Plan(graph, workers: 2)
    #expect(plan.program.parametersWithoutGradient == [] && plan.overlaps() == [])
    let (planned, state) = try stepResults(plan, workers: 2)
    #expect(try planned == stepResults(plan, workers: 2, interpreted: true).bits)
    withExtendedLifetime(state) {
      for parameter in graph.parameters where !AttentionWalkTests.isZeroByStructure(parameter.path) {
        let gradient = state.gradientView(parameter.path)!.array
        #expect(gradient.allSatisfy(\.isFinite) && gradient.contains { $0 != 0 }, "\(parameter.path)")
      }
    }
  }

  /// Between the sum and its activation; where a block adds nothing there is no module.
  @Test func `A module after the shortcut is added`() throws {
    let options: [String: ConfigValue] = ["name": "se", "place": "after_add"]
    for host in ["resnet18", "resnet50", "preact_resnet164"] {
      let nodes = try NetworkTrace(host, attention: options, mode: .inference).graph.nodes
      let first = try #require(nodes.firstIndex { $0.path.hasPrefix("layer2.1.se") })
      let last = try #require(nodes.lastIndex { $0.path.hasPrefix("layer2.1.se") })
      #expect(nodes[first - 1].subject.name == "add", "\(host)")
      #expect(host.hasPrefix("preact") || nodes[last + 1].subject.name == "relu", "\(host): \(nodes[last + 1].path)")
    }
    let shapes = try NetworkTrace("mobilenet_v2", attention: options, mode: .inference).fileShapes
    #expect(shapes.keys.filter { $0.hasSuffix("se.fc.0.weight") }.count == 10)
  }
}
