import Configuration
import Graphs
import Models
import Operators
import Testing

/// The tables of the attention papers: parameters and multiply-adds of every named variant, within 0.5 %.
@Suite struct PublishedFiguresTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let network: String
    var attention: [String: ConfigValue]?
    var options: [String: ConfigValue] = [:]
    var classes: Int?
    /// In all, or to the digits that the paper prints.
    var parameters: Double?
    /// Of one image.
    var multiplyAdds: Double?
    /// 2^30 operations, also counting four for each normalised element and one for each activated or averaged one.
    var counted: Double?

    var testDescription: String { "\(network) \(attention.map { "\($0)" } ?? "plain") \(options)" }
  }

  /// CBAM's table: GFLOPs are those of networks that stride in the first convolution of a bottleneck.
  static let cbam: [Row] = [
    ("resnet18", 11.69e6, 11_779_392, 1.814e9), ("resnet34", 21.80e6, 21_960_468, 3.664e9),
    ("resnet50", 25.56e6, 28_089_624, 3.858e9), ("resnet101", 44.55e6, 49_330_172, 7.570e9),
    ("wide_resnet18_1.5", 25.88e6, 26_075_516, 3.866e9), ("wide_resnet18_2", 45.62e6, 45_971_256, 6.696e9),
    ("resnext50_32x4d", 25.03e6, 27.56e6, 3.768e9), ("resnext101_32x4d", 44.18e6, 48.96e6, 7.508e9),
    ("mobilenet_0.7", 2.30e6, 2.71e6, 0.283e9), ("mobilenet_1.0", 4.23e6, 5.07e6, 0.569e9),
  ].flatMap { network, plain, attended, multiplyAdds -> [Row] in
    let hasBottlenecks = network.contains("50") || network.contains("101")
    return [
      Row(
        network: network, options: hasBottlenecks ? ["strides_first": true] : [:], parameters: plain,
        multiplyAdds: multiplyAdds),
      Row(network: network, attention: ["name": "cbam"], parameters: attended),
    ]
  } + [
    Row(network: "resnet18_cifar", attention: ["name": "cbam"], classes: 100, parameters: 11_310_012),
    Row(network: "resnet50_cifar", attention: ["name": "cbam"], classes: 100, parameters: 26_237_844),
  ]

  /// ECA-Net's table: parameters in 2^20, operations as its authors' program counts them.
  static let eca: [Row] = [
    ("resnet18", 11_689_556, 1.70), ("resnet34", 21_797_744, 3.43), ("resnet50", 25_557_112, 3.86),
    ("resnet101", 44_549_317, 7.35), ("resnet152", 60_193_042, 10.83), ("mobilenet_v2", 3_504_903, 319.9 / 1024),
  ].map { Row(network: $0, attention: ["name": "eca"], parameters: $1, counted: $2) }

  /// The rows of ECA-Net's table of variants, in ResNet-50 with its ΣC = 15,104 and ΣC² = 20,119,552 over the blocks:
  /// nothing, C, C², C²/16, 16 C and 8 C each; k taps for each channel, or for all.
  static let ecaVariants: [Row] = [
    ("se", "var1", 0), ("se", "var2", 15_104), ("se", "var3", 20_119_552), ("se", "gc1", 1_257_472),
    ("se", "gc2", 241_664), ("se", "gc3", 120_832),
  ].map { name, variant, added in
    Row(
      network: "resnet50", attention: ["name": .string(name), "variant": .string(variant)],
      parameters: Double(25_557_032 + added))
  } + [
    Row(
      network: "resnet50", attention: ["name": "eca", "kernels": [3], "per_channel": true],
      parameters: 25_557_032 + 45_312),
    Row(network: "resnet50", attention: ["name": "eca", "kernels": [3]], parameters: 25_557_032 + 48),
    Row(network: "resnet50", attention: ["name": "eca", "kernels": "auto"], parameters: 25_557_032 + 86),
    // 2 C ⌊C / 8⌋ over the seventeen blocks.
    Row(network: "mobilenet_v2", attention: ["name": "se", "reduction": 8], parameters: 3_504_872 + 56_928),
  ]

  /// timm's networks with other stems and shortcuts.
  static let stems: [Row] = [
    ("tiered", "average_pool", ["name": "eca", "kernels": "auto"], 25_573_814),
    ("tiered", "average_pool", ["name": "se", "bias": true], 28_104_720),
    ("deep", "average_pool", nil, 25_576_264),
    ("caffe", "convolution", ["name": "se", "bias": true], 28_088_024),
  ].map { stem, shortcut, attention, parameters in
    Row(
      network: "resnet50", attention: attention, options: ["stem": .string(stem), "shortcut": .string(shortcut)],
      parameters: parameters)
  }

  /// GCNet's ImageNet table. The 4.11 GFLOPs of one non-local block are left out: its four projections alone are
  /// 0.41 at 14x14 positions of 1024 channels, more than the 0.25 between the printed figures.
  static let gcnet: [Row] = [
    Row(network: "resnet50", options: ["strides_first": true], parameters: 25_557_032, multiplyAdds: 3.86e9),
    Row(network: "resnet50", attention: ["name": "nl"], parameters: 27_656_744),
    Row(network: "resnet50", attention: ["name": "snl"], parameters: 26_606_633),
    Row(network: "resnet50", attention: ["name": "gc", "place": "before_last", "stages": [4]], parameters: 25_690_345),
    Row(
      network: "resnet50", attention: ["name": "gc", "stages": [3, 4, 5], "ratio": 0.0625],
      options: ["strides_first": true], parameters: 28_078_773, multiplyAdds: 3.87e9),
    Row(network: "resnet50", attention: ["name": "gc", "stages": [3, 4, 5], "ratio": 0.25], parameters: 35_557_941),
    Row(network: "resnet101", attention: ["name": "gc", "stages": [3, 4, 5]], parameters: 49_337_222),
  ]

  static let others: [Row] = [
    Row(network: "resnet164", parameters: 1_704_154), Row(network: "resnet164", classes: 100, parameters: 1_727_284),
    Row(network: "resnet164", attention: ["name": "sem"], parameters: 1_946_974),
    Row(network: "resnet164", attention: ["name": "sem"], classes: 100, parameters: 1_970_104),
    Row(network: "resnet83", parameters: 869_530), Row(network: "resnet83", classes: 100, parameters: 892_660),
    Row(network: "resnet83", attention: ["name": "sem"], parameters: 990_940),
    Row(network: "resnet83", attention: ["name": "sem"], classes: 100, parameters: 1_014_070),
    // 2 C ⌊C / 16⌋ + 57 a block: the 87.5 k and 2.52 M of the sheet.
    Row(network: "resnet18", attention: ["name": "cat"], parameters: 11_689_512 + 87_496),
    Row(network: "resnet50", attention: ["name": "cat"], parameters: 25_557_032 + 2_515_856),
  ]

  @Test(arguments: cbam + eca + ecaVariants + gcnet + stems + others) func agrees(row: Row) throws {
    let graph = try NetworkTrace(
      row.network, attention: row.attention, options: row.options, classes: row.classes, batch: 1, mode: .inference
    ).graph
    func expect(_ found: Double, _ wanted: Double?, _ what: String) {
      guard let wanted else { return }
      // A count that is printed to the last digit must be met to it.
      let allowed = wanted >= 1000 && wanted.truncatingRemainder(dividingBy: 1000) != 0 ? 0 : 0.005 * wanted
      #expect(abs(found - wanted) <= allowed, "\(what): \(found), published \(wanted)")
    }
    expect(Double(graph.parameterCount), row.parameters, "parameters")
    expect(Double(graph.multiplyAdds), row.multiplyAdds, "multiply-adds")
    expect(Double(graph.multiplyAdds + extraOperations(graph)) / 0x1p30, row.counted, "counted operations")
  }

  private func extraOperations(_ graph: Graph) -> Int {
    graph.nodes.reduce(0) { sum, node in
      let elements = node.outputs.first.map { graph.values[$0.index].shape.count } ?? 0
      switch node.subject {
      case is BatchNormInference: return sum + 4 * elements
      case is ReLU, is ReLU6: return sum + elements
      case is Mean: return sum + node.inputs[0].shape.count
      default: return sum
      }
    }
  }
}
