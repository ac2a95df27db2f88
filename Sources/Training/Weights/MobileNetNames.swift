/// The names that torchvision gives the layers of a MobileNetV2 whose file has timm's.
///
/// timm numbers the blocks stage by stage and calls layers by what they do: `blocks.1.0.conv_dw` is the depth-wise
/// convolution of the first block of the second stage. torchvision numbers blocks and the layers inside them:
/// `features.2.conv.1.0`.
struct MobileNetNames {
  /// By the name that a layer has in the file.
  private var layers: [String: String] = [:]

  /// - Parameter names: all of the file, by which its blocks are counted. Files of other networks give no names.
  init(_ names: [String]) {
    let paths = Set(names.map(Self.path))
    guard paths.isSuperset(of: ["conv_stem", "conv_head", "blocks.0.0.conv_dw"]) else { return }
    let blocks = Set(paths.compactMap(Self.block)).sorted { ($0.stage, $0.index) < ($1.stage, $1.index) }
    layers = [
      "conv_stem": "features.0.0", "bn1": "features.0.1", "conv_head": "features.\(blocks.count + 1).0",
      "bn2": "features.\(blocks.count + 1).1", "classifier": "classifier.1",
    ]
    for (place, block) in blocks.enumerated() {
      let path = "blocks.\(block.stage).\(block.index)"
      // A block that does not widen lacks the first 1x1 convolution, and calls the last one as others do their first.
      let known = paths.contains("\(path).conv_pwl")
        ? ["conv_pw": "0.0", "bn1": "0.1", "conv_dw": "1.0", "bn2": "1.1", "conv_pwl": "2", "bn3": "3"]
        : ["conv_dw": "0.0", "bn1": "0.1", "conv_pw": "1", "bn2": "2"]
      for (layer, number) in known { layers["\(path).\(layer)"] = "features.\(place + 1).conv.\(number)" }
    }
  }

  /// What a tensor of the file is called by torchvision.
  subscript(name: String) -> String? {
    let path = Self.path(name)
    return layers[path].map { $0 + name.dropFirst(path.count) }
  }

  /// A tensor's name without its last word.
  private static func path(_ name: String) -> String { String(name[..<(name.lastIndex(of: ".") ?? name.endIndex)]) }

  private struct Block: Hashable {
    let stage, index: Int
  }

  /// The block of a layer's path.
  private static func block(_ path: String) -> Block? {
    let words = path.split(separator: ".")
    guard words.count > 3, words[0] == "blocks", let stage = Int(words[1]), let index = Int(words[2])
    else { return nil }
    return Block(stage: stage, index: index)
  }
}
