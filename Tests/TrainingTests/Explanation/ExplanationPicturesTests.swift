import Foundation
import Graphs
import Layers
import TensorBoardEvents
import Testing
import Training

/// A small network with a gate, which shows its features.
private struct GatedNetwork: Module {
  func callAsFunction(_ images: Tensor) -> Tensor {
    let x = images.conv("conv1", 8, kernel: 3, stride: 2, padding: 1).batchNorm("bn1").relu()
    let gate = x.mean(over: .spatial).linear("fc1", 8).sigmoid().seen(as: .gate)
    let y = (x * gate).seen(as: .features)
    return y.mean(over: .spatial).reshaped(images.shape[0], -1).linear("fc", 10)
  }
}

/// Explanations after evaluations leave pictures and change no number.
@Suite struct ExplanationPicturesTests {
  @Test func `Pictures are left after each evaluation, and the run is the same`() throws {
    var training = TinyTraining()
    training.network = { GatedNetwork() }
    try training.train("plain", ["run.evaluate_every=2"])
    try training.train("shown", ["run.evaluate_every=2", "run.explain=2"])
    let pictures = try FileManager.default.contentsOfDirectory(atPath: training.path("shown/pictures"))
    #expect(pictures.filter { $0.hasPrefix("explanation") }.sorted() == ["explanation-1.png", "explanation-2.png"])
    func weights(_ run: String) throws -> Data {
      try Data(contentsOf: URL(fileURLWithPath: training.path("\(run)/checkpoints/latest/model.safetensors")))
    }
    #expect(try weights("plain") == weights("shown"))

    let name = try #require(
      FileManager.default.contentsOfDirectory(atPath: training.path("shown")).first { $0.contains("tfevents") })
    let text = String(
      decoding: try Data(contentsOf: URL(fileURLWithPath: training.path("shown/\(name)"))), as: UTF8.self)
    #expect(text.ranges(of: "explanation/explanation-1").count == 2, "one for each evaluation")
    #expect(text.ranges(of: "explanation/explanation-2").count == 2)
  }

  @Test func `A network that cannot be explained is said once and trains on`() throws {
    let lines = try TinyTraining().train("mute", ["run.evaluate_every=1", "run.explain=1"])
    #expect(lines.filter { $0.contains("warning: run.explain: this network marks no feature map") }.count == 1)
  }
}
