import Attention
import Compute
import Configuration
import Graphs
import Layers
import Models
import Testing

/// Every network shows its last feature map, and every module what it weighs with, at no cost to others.
@Suite struct AttentionSightTests {
  private static func trace(_ network: any Module, _ images: Shape, isWatched: Bool) throws -> (Trace, Graph) {
    let trace = Trace(mode: .inference, isWatched: isWatched)
    trace.output("logits", network(trace.input("images", images)))
    return (trace, try trace.finish())
  }

  @Test(arguments: ModelCatalog.entries.keys.sorted()) func `Every network marks one feature map`(name: String) throws {
    let entry = try #require(ModelCatalog.entries[name])
    let network = try ModelCatalog.network(ConfigSection(["name": .string(name)]), classes: 10)
    let images: Shape = [1, entry.imageSize, entry.imageSize, 3]
    let features = try Self.trace(network, images, isWatched: true).0.sightings.filter { $0.sight == .features }
    #expect(features.count == 1)
    let shape = try #require(features.first?.shape)
    #expect(shape.rank == 4 && shape[1] > 1 && shape[2] > 1, "\(shape) has places to tell apart")
  }

  /// What each module has to show.
  static let sights: [String: Set<String>] = [
    "se": ["gate"], "eca": ["gate"], "sem": ["gate", "weights"], "gct": ["gate"], "srm": ["gate"], "fca": ["gate"],
    "gc": ["attention"], "nl": ["relation"], "snl": ["attention"], "mhsa": ["relation"], "sra": ["relation"],
    "ea": ["attention"], "ge": ["gate"], "sk": ["weights"], "split": ["weights"], "condconv": ["weights"],
    "dynamic_conv": ["weights"], "highway": ["gate"], "cbam": ["gate"], "bam": ["gate"],
    "cat": ["gate", "weights", "factor"], "scse": ["gate"], "coordatt": ["gate"], "simam": ["gate"],
    "dual": ["relation"], "gltr": ["relation in time"], "divided": ["relation in time", "relation"], "tam": ["gate", "weights"], "temporal_mhsa": ["relation in time"],
    "space_time_nl": ["relation in clip"], "dstt_spatial": ["relation"], "dstt_temporal": ["relation in clip"],
  ]

  @Test func `Every module is in the table`() {
    #expect(Set(AttentionCatalog.entries.keys) == Set(Self.sights.keys))
  }

  @Test(arguments: sights.keys.sorted())
  func `Every module shows what it does and changes nothing`(name: String) throws {
    let network = AttentionWalkTests.residual(.basic, try AttentionWalkTests.slot(name))
    // The tests' clips have two frames.
    let frames = AttentionCatalog.entries[name]?.isTemporal == true ? 2 : 1, images: Shape = [frames, 32, 32, 3]
    #expect(network.framesPerClip(image: [32, 32, 3]) == frames)
    let plain = try Self.trace(network, images, isWatched: false)
    let watched = try Self.trace(network, images, isWatched: true)
    #expect(plain.1.nodes.map(\.path) == watched.1.nodes.map(\.path))
    #expect(plain.1.nodes.map(\.inputs) == watched.1.nodes.map(\.inputs))
    #expect(plain.1.values.count == watched.1.values.count && plain.1.outputs.map(\.name) == ["logits"])
    var kinds: Set<String> = []
    for sighting in watched.0.sightings {
      switch sighting.sight {
      case .features: continue
      case .gate:
        kinds.insert("gate")
        #expect(sighting.shape.rank == 4, "\(sighting)")
      case .attention:
        kinds.insert("attention")
        #expect(sighting.shape.rank == 4, "\(sighting)")
      case .relation:
        kinds.insert("relation")
        #expect(sighting.shape.rank >= 3, "\(sighting)")
      case .relationBehindSummary:
        kinds.insert("relation")
        #expect(sighting.shape.array.suffix(2).allSatisfy { $0 > 1 }, "\(sighting)")
      case .relationInTime:
        kinds.insert("relation in time")
        #expect(sighting.shape.array.suffix(2) == [frames, frames], "\(sighting)")
      case .relationInClip:
        kinds.insert("relation in clip")
        #expect(sighting.shape.array.suffix(2).allSatisfy { $0 % frames == 0 }, "\(sighting)")
      case .weights(_, let parts):
        kinds.insert("weights")
        #expect(sighting.shape.array.first { $0 > 1 } == parts.count, "\(sighting)")
      case .factor:
        kinds.insert("factor")
        #expect(sighting.shape.count == 1, "\(sighting)")
      }
    }
    #expect(kinds == Self.sights[name])
  }
}
