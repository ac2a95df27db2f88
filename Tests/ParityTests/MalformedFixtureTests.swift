import Foundation
import Parity
import Testing

/// Files that cannot be compared: each a failure with a sentence, none a crash.
@Suite struct MalformedFixtureTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// What the sentence must hold.
    let sentence: [String]
    var base = "cbam/module_c32_r8"
    let alter: @Sendable (AlteredFixture) -> Void
  }

  static let cases: [Case] = [
    Case(testDescription: "an unknown option", sentence: ["pool_typs", "did you mean 'pool_types'"]) {
      $0.replace("pool_types", by: "pool_typs")
    },
    Case(testDescription: "an option of another kind", sentence: ["gating_temperature", "unknown key"]) {
      $0.replace("\"reduction_ratio\"", by: "\"gating_temperature\": 2, \"reduction_ratio\"")
    },
    Case(testDescription: "the same option twice", sentence: ["reduction", "unknown key"]) {
      $0.replace("\"reduction_ratio\"", by: "\"r\": 2, \"reduction_ratio\"")
    },
    Case(testDescription: "a text for a number", sentence: ["reduction_ratio", "wanted a whole number", "'eight'"]) {
      $0.replace("\"reduction_ratio\": 8", by: "\"reduction_ratio\": \"eight\"")
    },
    Case(testDescription: "an absurd number", sentence: ["reduction_ratio", "wanted a whole number"]) {
      $0.replace("\"reduction_ratio\": 8", by: "\"reduction_ratio\": 9e18")
    },
    Case(testDescription: "an unknown statistic", sentence: ["no statistic is called 'avgg'", "did you mean 'avg'"]) {
      $0.replace("[\"avg\"", by: "[\"avgg\"")
    },
    Case(testDescription: "no statistic", sentence: ["ChannelGate", "needs a statistic"]) {
      $0.replace("[\"avg\", \"max\"]", by: "[]")
    },
    Case(testDescription: "other channels", sentence: ["gate_channels", "64", "32"]) {
      $0.replace("\"gate_channels\": 32", by: "\"gate_channels\": 64")
    },
    Case(testDescription: "another reduction", sentence: ["param.ChannelGate.mlp.1.weight", "[2, 32]", "[4, 32]"]) {
      $0.replace("\"reduction_ratio\": 8", by: "\"reduction_ratio\": 16")
    },
    Case(testDescription: "no options", sentence: ["metadata 'config'", "none"]) { $0.metadata["config"] = nil },
    Case(testDescription: "options that are no JSON", sentence: ["metadata 'config'", "JSON"]) {
      $0.metadata["config"] = "{\"gate_channels\": "
    },
    Case(testDescription: "no system", sentence: ["metadata", "'system'"]) { $0.metadata["system"] = nil },
    Case(testDescription: "an error that is no number", sentence: ["float32_error"]) {
      $0.metadata["float32_error"] = "tiny"
    },
    Case(testDescription: "a parameter less", sentence: ["param.SpatialGate.spatial.bn.weight", "none"]) {
      $0.floats["param.SpatialGate.spatial.bn.weight"] = nil
    },
    Case(testDescription: "a parameter more", sentence: ["param.ChannelGate.mlp.5.weight", "does not have"]) {
      $0.floats["param.ChannelGate.mlp.5.weight"] = ([4], [1, 2, 3, 4])
    },
    Case(testDescription: "a gradient less", sentence: ["train.grad.ChannelGate.mlp.1.bias", "none"]) {
      $0.floats["train.grad.ChannelGate.mlp.1.bias"] = nil
    },
    Case(testDescription: "a tensor of no kind", sentence: ["test.output.0", "does not have"]) {
      $0.floats["test.output.0"] = ([1], [0])
    },
    Case(testDescription: "two outputs", sentence: ["eval.output", "2", "1"]) {
      $0.floats["eval.output.1"] = $0.floats["eval.output.0"]
    },
    Case(testDescription: "outputs numbered from 3", sentence: ["train.output.", "numbers from 0"]) {
      $0.floats["train.output.3"] = $0.floats["train.output.0"]
    },
    Case(testDescription: "no outputs", sentence: ["neither"]) {
      $0.floats["train.output.0"] = nil
      $0.floats["eval.output.0"] = nil
    },
    Case(testDescription: "an output of another shape", sentence: ["eval.output.0", "[1]", "[2, 16, 16, 32]"]) {
      $0.floats["eval.output.0"] = ([1], [0])
    },
    Case(testDescription: "an input without elements", sentence: ["input.0", "[0, 32, 16, 16]"]) {
      $0.floats["input.0"] = ([0, 32, 16, 16], [])
    },
    Case(testDescription: "an input of whole numbers", sentence: ["input.0", "I64"]) {
      $0.integers["input.0"] = ([2, 32, 16, 16], [Int](repeating: 1, count: 2 * 32 * 256))
      $0.floats["input.0"] = nil
    },
    Case(testDescription: "a vector as input", sentence: ["cannot reduce [2, 32]"]) {
      $0.floats["input.0"] = ([2, 32], [Float](repeating: 1, count: 64))
    },
    Case(testDescription: "a counter without end", sentence: ["num_batches_tracked", "count of steps"]) {
      $0.integers["buffer.SpatialGate.spatial.bn.num_batches_tracked"]!.values[0] = .max
    },
    Case(
      testDescription: "a network of no stage", sentence: ["blocks", "1 to 16 stages"], base: "cbam/mini_resnet_basic"
    ) { $0.replace("\"blocks\": [1, 1]", by: "\"blocks\": []") },
    Case(
      testDescription: "strides of other stages", sentence: ["strides", "a list of 2"], base: "cbam/mini_resnet_basic"
    ) { $0.replace("\"strides\": [1, 2]", by: "\"strides\": [1, 2, 2]") },
    Case(
      testDescription: "blocks in other words", sentence: ["blocks", "(in,out,stride"], base: "eca-net/mini_mobilenetv2"
    ) { $0.replace("(in,out,stride,expand,k)", by: "(in,out,speed,expand,k)") },
    Case(
      testDescription: "blocks that do not follow", sentence: ["blocks", "20 channels", "16"],
      base: "eca-net/mini_mobilenetv2"
    ) { $0.replace("(16,24,2,6,3)", by: "(20,24,2,6,3)") },
    Case(testDescription: "an even kernel", sentence: ["conv", "k odd"], base: "eca-net/module_k5") {
      $0.replace("\"k_size\": 5", by: "\"k_size\": 4")
    },
  ]

  @Test(arguments: cases) func failsWithASentence(_ given: Case) throws {
    let altered = try AlteredFixture(given.base)
    given.alter(altered)
    let result = try altered.check()
    #expect(result.status == .fail && result.worst == nil)
    for words in given.sentence { #expect(result.problem?.contains(words) == true, "\(result.line)") }
    #expect(result.line.hasPrefix("FAIL "))
    #expect(try JSONSerialization.jsonObject(with: Data(result.json().utf8)) is [String: Any])
  }

  @Test(arguments: [0, 4, 100, 5000]) func aTruncatedFile(bytes: Int) throws {
    let altered = try AlteredFixture("gcnet/se_r8")
    let path = try altered.written()
    try Data(contentsOf: URL(filePath: path)).prefix(bytes).write(to: URL(filePath: path))
    let result = ParityCheck.run(path: path)
    #expect(result.status == .fail && result.problem != nil)
  }

  @Test func aFileThatIsNotThere() {
    let result = ParityCheck.run(path: "/nowhere/x.safetensors")
    #expect(result.status == .fail && result.line.contains("/nowhere/x.safetensors"))
  }
}
