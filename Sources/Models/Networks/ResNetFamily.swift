import Configuration
import Layers

extension ResNet {
  /// A variant's options from a run file, on top of its published ones.
  static func variant(_ name: String, _ network: ResNet) -> ModelCatalog.Entry {
    let size = if case .imageNet = network.stem { 224 } else { 32 }
    return ModelCatalog.Entry(paper: "He et al.; CVPR 2016", imageSize: size, classes: size == 224 ? 1000 : 10) {
      options, classes, attention in
      var network = network
      network.name = name
      network.classes = classes
      network.attention = attention
      network.zeroInitResidual = try options.bool("zero_init_residual", default: false)
      return network
    }
  }

  static func imageNet(_ name: String, _ block: BlockKind, _ depths: [Int], groups: Int = 1, widthPerGroup: Int = 64)
    -> ModelCatalog.Entry
  {
    var network = ResNet(block, depths: depths)
    network.groups = groups
    network.widthPerGroup = widthPerGroup
    return variant(name, network)
  }

  /// The networks of section 4.2: three stages of n basic blocks, 16, 32 and 64 channels, 6n + 2 layers. The shortcut
  /// is projected where the shape changes (the paper's option B), as the attention papers have it.
  static func cifar(_ name: String, blocks: Int) -> ModelCatalog.Entry {
    var network = ResNet(.basic, depths: [blocks, blocks, blocks])
    network.planes = [16, 32, 64]
    network.strides = [1, 2, 2]
    network.stem = .small
    network.stemChannels = 16
    return variant(name, network)
  }

  /// ResNet-18 with a 3x3 stem and no pooling, for small images.
  static func smallStem(_ name: String, _ depths: [Int]) -> ModelCatalog.Entry {
    var network = ResNet(.basic, depths: depths)
    network.stem = .small
    return variant(name, network)
  }
}
