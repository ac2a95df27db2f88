import Optimizers
import Testing

/// The rule by which paths become layers; `TrainingTests` holds the networks of the catalogue to it, and to timm.
@Suite struct LayerDecayTests {
  /// `weight` and `norm` tell what decays; a path is written without its parameter's name.
  private func layers(_ modules: [(String, isNorm: Bool)]) -> [Int] {
    LayerDecay.layers(
      of: modules.map { LayerDecay.Parameter(path: $0.0 + ".weight", decays: !$0.isNorm) })
  }

  @Test func stemBlocksAndHead() {
    let found = layers([
      ("conv1", false), ("bn1", true), ("layer1.0.conv1", false), ("layer1.0.bn1", true), ("layer1.1.se.fc.0", false),
      ("gc1.conv.0", false), ("layer2.0.downsample.0", false), ("norm", true), ("fc", false),
    ])
    #expect(found == [0, 0, 1, 1, 2, 2, 3, 4, 4])
  }

  @Test func numberedNormsGoWithTheLayerBefore() {
    let found = layers([
      ("features.0", false), ("features.1", true), ("features.1.cbam.fc1", false), ("features.3", false),
      ("features.4", true), ("classifier.0", false), ("classifier.3", false),
    ])
    #expect(found == [0, 0, 0, 1, 1, 2, 3])
  }

  @Test func aBlockMayBeginWithItsNormAndComeTwice() {
    let found = layers([("conv1", false), ("layer1.0.bn1", true), ("layer1.0.conv1", false), ("fc", false)])
    #expect(found == [0, 1, 1, 2])
    #expect(layers([("a.0.x", false), ("a.1.x", false), ("a.0.y", false)]) == [0, 1, 0])
    #expect(layers([("conv1", false), ("fc", false)]) == [0, 0])
    #expect(layers([]) == [])
  }

  @Test func theLastLayerHasTheFullRate() {
    let parameters = ["conv1.weight", "layer1.0.conv1.weight", "layer1.1.conv1.weight", "fc.weight", "fc.bias"].map {
      LayerDecay.Parameter(path: $0, decays: !$0.hasSuffix("bias"))
    }
    #expect(LayerDecay(0.5).rateScales(of: parameters) == [0.125, 0.25, 0.5, 1, 1])
    #expect(LayerDecay(0).rateScales(of: parameters) == [0, 0, 0, 1, 1])
    #expect(LayerDecay(1).rateScales(of: parameters) == [1, 1, 1, 1, 1])
  }
}
