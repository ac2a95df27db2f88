import Attention
import Configuration
import Layers

extension ResNet {
  /// A variant's options from a run file, on top of its published ones.
  static func variant(_ name: String, _ network: ResNet, paper: String = "He et al.; CVPR 2016") -> ModelCatalog.Entry {
    let size = if case .imageNet = network.stem { 224 } else { 32 }
    return ModelCatalog.Entry(
      paper: paper, imageSize: size, classes: size == 224 ? 1000 : 10, stages: 2...network.depths.count + 1
    ) { options, classes, attention in
      var network = network
      network.name = name
      network.classes = classes
      network.attention = attention
      network.dropout = Float(try options.float("dropout", default: 0, in: 0..<1))
      network.zeroInitResidual = try options.bool("zero_init_residual", default: false)
      network.shortcut = try options.choice("shortcut", default: .convolution, kind: "shortcut")
      if size == 224 { network.stem = try options.choice("stem", default: network.stem, kind: "stem") }
      if case .bottleneck = network.block {
        network.stridesFirst = try options.bool("strides_first", default: false)
      }
      return network
    }
  }

  static func imageNet(
    _ name: String, _ block: BlockKind, _ depths: [Int], groups: Int = 1, widthPerGroup: Int = 64, width: Double = 1,
    paper: String = "He et al.; CVPR 2016"
  ) -> ModelCatalog.Entry {
    var network = ResNet(block, depths: depths)
    network.groups = groups
    network.widthPerGroup = widthPerGroup
    network.planes = network.planes.map { Int(Double($0) * width) }
    return variant(name, network, paper: paper)
  }

  /// The networks of section 4.2: three stages of 16, 32 and 64 planes, 6n + 2 layers of n basic blocks, 9n + 2 of n
  /// bottlenecks. The shortcut is projected where the shape changes (the paper's option B), as the attention papers
  /// have it.
  static func cifar(_ name: String, _ block: BlockKind = .basic, blocks: Int) -> ModelCatalog.Entry {
    var network = ResNet(block, depths: [blocks, blocks, blocks])
    network.planes = [16, 32, 64]
    network.strides = [1, 2, 2]
    network.stem = .small
    network.stemChannels = 16
    return variant(name, network)
  }

  /// An ImageNet network with a 3x3 stem and no pooling, for small images.
  static func smallStem(_ name: String, _ block: BlockKind, _ depths: [Int]) -> ModelCatalog.Entry {
    var network = ResNet(block, depths: depths)
    network.stem = .small
    return variant(name, network)
  }
}

extension PreActivationResNet {
  /// 9n + 2 layers.
  static func cifar(_ name: String, blocks: Int) -> ModelCatalog.Entry {
    ModelCatalog.Entry(paper: "He et al.; ECCV 2016", imageSize: 32, classes: 10, stages: 2...4) {
      _, classes, attention in
      var network = PreActivationResNet(depths: [blocks, blocks, blocks])
      network.name = name
      network.classes = classes
      network.attention = attention
      return network
    }
  }
}
