import Foundation
import Graphs
import Layers
import Testing
import Training

/// Updates that look at whole tensors, on ranks that have parts of them: the bits of an update that everybody does in
/// full.
@Suite struct ParameterUpdateShardsTests {
  /// Filters of one channel each, whose units are not contiguous, and a matrix of more than a tile.
  private struct WideNetwork: Module {
    func callAsFunction(_ images: Tensor) -> Tensor {
      let x = images.conv("conv", 8, kernel: 3, padding: 1).batchNorm("bn").relu()
        .conv("depthwise", 8, kernel: 3, padding: 1, groups: 8).relu()
      return x.mean(over: .spatial).reshaped(x.shape[0], -1).linear("hidden", 5_000).relu().linear("fc", 10)
    }
  }

  /// Small buckets are cut inside tiles and inside units; large ones between tiles.
  @Test(arguments: [
    ["optimizer.name=lamb", "optimizer.learning_rate=0.02"],
    ["optimizer.name=lars", "optimizer.momentum=0.9", "optimizer.weight_decay=0.01", "optimizer.trust_coeff=0.5"],
    ["optimizer.momentum=0.9", "optimizer.clip_adaptive=0.002"],
  ])
  func `Ranks that share the update out have the bits of one that does it all`(rule: [String]) throws {
    let training = TinyTraining(network: { WideNetwork() })
    func stored(_ name: String) throws -> [Data] {
      try ["model", "optimizer"].map {
        try Data(contentsOf: URL(fileURLWithPath: training.path(name) + "/checkpoints/latest/\($0).safetensors"))
      }
    }
    func weights(_ name: String, ranks: Int, _ settings: [String]) throws -> [Data] {
      _ = try training.train(name, rule + settings + ["run.steps=3"], ranks: ranks)
      return try stored(name)
    }
    let wanted = try weights("alone", ranks: 1, [])
    for (ranks, bucketBytes, threads) in [(2, 64, 1), (4, 64, 1), (2, 1 << 20, 2)] {
      let settings = ["shard_optimizer=true", "bucket_bytes=\(bucketBytes)", "threads=\(threads)"]
      let found = try weights("\(ranks) \(bucketBytes)", ranks: ranks, settings.map { "distributed." + $0 })
      #expect(found == wanted, "\(ranks) ranks, buckets of \(bucketBytes) bytes, threads: \(threads)")
    }
    _ = try training.train("plain", ["run.steps=3"])
    #expect(try stored("plain")[0] != wanted[0], "they do something")
  }
}
