import Attention
import Configuration
import Layers

extension MobileNetV2 {
  /// The network of table 2, for 224 pixels, with its options from a run file.
  static func imageNet(_ name: String) -> ModelCatalog.Entry {
    ModelCatalog.Entry(
      paper: "Sandler et al.; CVPR 2018", imageSize: 224, classes: 1000, stages: 2...8, isDepthwise: true
    ) { options, classes, attention in
      var network = MobileNetV2()
      network.name = name
      network.classes = classes
      network.attention = attention
      network.dropout = Float(try options.float("dropout", default: 0.2, in: 0..<1))
      return network
    }
  }
}

extension MobileNet {
  /// The network of table 1, for 224 pixels.
  static func imageNet(_ name: String, width: Double) -> ModelCatalog.Entry {
    ModelCatalog.Entry(
      paper: "Howard et al.; arXiv 1704.04861", imageSize: 224, classes: 1000, stages: 2...6, isDepthwise: true,
      addsShortcuts: false
    ) { _, classes, attention in
      var network = MobileNet()
      network.name = name
      network.width = width
      network.classes = classes
      network.attention = attention
      return network
    }
  }
}
