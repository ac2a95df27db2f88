import Attention
import Configuration
import Layers

extension VGG {
  /// Configuration D of the paper's table, for 224 pixels, or with a linear classifier for 32.
  static func sixteen(_ name: String, imageSize: Int) -> ModelCatalog.Entry {
    ModelCatalog.Entry(
      paper: "Simonyan, Zisserman; ICLR 2015", imageSize: imageSize, classes: imageSize == 224 ? 1000 : 10,
      stages: 1...5, addsShortcuts: false
    ) { options, classes, attention in
      var network = VGG()
      network.name = name
      network.classes = classes
      network.attention = attention
      if imageSize == 224 {
        network.dropout = Float(try options.float("dropout", default: 0.5, in: 0..<1))
      } else {
        network.hidden = []
      }
      return network
    }
  }
}
