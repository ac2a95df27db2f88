import Safetensors
import Testing

/// What a module changes by itself from step to step is saved with the weights.
@Suite struct FallingTemperatureTests {
  /// 34 falls by 11 a step and stays at 1.
  @Test func `The temperature of dynamic convolution falls over the first steps, also across a resume`() throws {
    let run = try TinyRun()
    let model = "model.attention={name: dynamic_conv, stages: [2], anneal_steps: 3}"
    func temperatures(_ output: String) throws -> [Float] {
      let file = try SafetensorsFile(path: run.path("\(output)/checkpoints/latest/model.safetensors"))
      return try file.names.filter { $0.hasSuffix("attention.temperature") }.flatMap { try file.floats($0) }
    }
    try run.train("cut", [model, "run.steps=2"])
    let fallen = try temperatures("cut")
    #expect(!fallen.isEmpty && fallen.allSatisfy { abs($0 - 12) < 1e-4 }, "\(fallen)")
    try run.train("cut", [model, "run.steps=5"], ["--resume", "latest"])
    #expect(try temperatures("cut").allSatisfy { $0 == 1 })
    try run.train("constant", ["model.attention={name: dynamic_conv, stages: [2]}", "run.steps=1"])
    #expect(try temperatures("constant").isEmpty)
  }
}
