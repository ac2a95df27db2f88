import Foundation
import Safetensors
import Testing

/// A run that starts from weights in a file, and what `trainer checkpoint` says of files.
@Suite struct WeightsTests {
  @Test func `A run starts from weights, on any number of ranks, and says what became of each`() throws {
    let run = try TinyRun()
    try run.train("first", ["run.steps=2"])
    let weights = run.path("published.pth")
    try FileManager.default.copyItem(
      atPath: run.path("first/checkpoints/latest/model.safetensors"), toPath: weights)
    // No step changes anything at this rate: what is saved is what was loaded, but for the statistics of the norms.
    let still = ["optimizer.learning_rate=1e-30", "optimizer.momentum=0", "schedule.name=constant", "run.steps=1"]
    let ending = try run.train("second", still + ["model.weights=\(weights)"])
    #expect(ending.output.contains("weights of \(weights): "), "\(ending.output)")
    let first = try SafetensorsFile(path: weights)
    let second = try SafetensorsFile(path: run.path("second/checkpoints/latest/model.safetensors"))
    for name in ["conv1.weight", "layer2.1.se.fc.0.weight", "fc.weight"] {
      #expect(try first.floats(name) == second.floats(name), "\(name)")
    }
    #expect(try second.integers("bn1.num_batches_tracked") == [3])
    // A new classifier is that of the seed, for other classes too.
    let fresh = try run.train(
      "third", still + ["model={name: resnet20, attention: se, classes: 12, weights: {file: '\(weights)', head: new}}"])
    #expect(fresh.output.contains("2 start anew") && fresh.output.contains("fc.weight"), "\(fresh.output)")
    let third = try SafetensorsFile(path: run.path("third/checkpoints/latest/model.safetensors"))
    #expect(try third.info("fc.weight").shape == [12, 64])
    #expect(try third.floats("conv1.weight") == first.floats("conv1.weight"))
    if Program.hasMPIRun {
      try run.train("ranks", still + ["model.weights=\(weights)"], ranks: 2)
      #expect(try run.bytes("ranks") == run.bytes("second"))
    }
    // A run that goes on has its checkpoint and never looks at the file.
    try FileManager.default.removeItem(atPath: weights)
    try run.train("second", still + ["run.steps=2", "model.weights=\(weights)"], ["--resume", "latest"])
    let resumed = try SafetensorsFile(path: run.path("second/checkpoints/latest/model.safetensors"))
    #expect(try resumed.integers("bn1.num_batches_tracked") == [4])
  }

  @Test func `Two checkpoints are compared number by number`() throws {
    let run = try TinyRun()
    try run.train("first", ["run.steps=1"])
    try run.train("second", ["run.steps=2"])
    let (first, second) = (run.path("first/checkpoints/latest"), run.path("second/checkpoints/latest"))
    let same = try Program.run(["checkpoint", "compare", first, first])
    #expect(same.code == 0 && same.output.hasSuffix(" tensors have the same numbers\n"), "\(same.output)")
    let other = try Program.run(["checkpoint", "compare", first, second, "--top", "3"])
    #expect(other.code == 1 && other.output.contains(" tensors differ; "), "\(other.output)")
    #expect(other.output.contains("… "))
    // A folder against a file: the moments are only in the folder.
    let part = try Program.run(["checkpoint", "compare", first, first + "/model.safetensors", "--top", "1000"])
    #expect(part.code == 1 && part.output.contains("momentum_buffer.fc.weight"), "\(part.output)")
    #expect(part.output.contains("only in the first") && !part.output.contains("only in the second"))
  }

  @Test func `The mean of two checkpoints lies between them and is a file of weights`() throws {
    let run = try TinyRun()
    try run.train("run", ["run.steps=2", "run.checkpoint_every=1"])
    let folders = ["step-000001", "step-000002"].map { run.path("run/checkpoints/\($0)") }
    let output = run.path("mean.safetensors")
    let ending = try Program.run(["checkpoint", "average"] + folders + ["--output", output])
    #expect(ending.code == 0, "\(ending.errors)")
    let mean = try SafetensorsFile(path: output)
    let files = try folders.map { try SafetensorsFile(path: $0 + "/model.safetensors") }
    #expect(mean.names == files[0].names)
    let (first, second) = (try files[0].floats("conv1.weight"), try files[1].floats("conv1.weight"))
    #expect(first != second)
    let wanted = zip(first, second).map { Float((Double($0) + Double($1)) / 2) }
    #expect(try mean.floats("conv1.weight") == wanted)
    #expect(try mean.integers("bn1.num_batches_tracked") == [2])
    let evaluated = try Program.run(["evaluate", run.file, "--checkpoint", output])
    #expect(evaluated.code == 0 && evaluated.output.contains("40 of 40 samples"), "\(evaluated.errors)")
    let again = try Program.run(["checkpoint", "average"] + folders + ["--output", output])
    #expect(again.code == 64 && again.errors.contains("--output: \(output) is there already"), "\(again.errors)")
  }

  @Test func `A file is shown by itself and against a network`() throws {
    let run = try TinyRun()
    try run.train("first", ["run.steps=1"])
    let checkpoint = run.path("first/checkpoints/latest"), weights = checkpoint + "/model.safetensors"
    let shown = try Program.run(["checkpoint", "show", checkpoint])
    #expect(shown.code == 0 && shown.output.contains("step 1, epoch 0, batch 16, 4 replicas"), "\(shown.output)")
    #expect(shown.output.contains("layer1.0.se.fc.0.weight") && shown.output.contains("[1, 16]"))
    let listing = try Program.run(["checkpoint", "show", weights, "--json"]).json()
    let tensors = try #require(listing["tensors"] as? [[String: Any]])
    let filter = try #require(tensors.first { $0["name"] as? String == "conv1.weight" })
    #expect(filter["shape"] as? [Int] == [16, 3, 3, 3] && filter["type"] as? String == "F32")
    #expect(listing["format"] as? String == "safetensors")
    let fits = try Program.run(["checkpoint", "show", weights, "--run", run.file])
    #expect(fits.code == 0 && fits.output.hasSuffix(" tensors match\n"), "\(fits.output)\(fits.errors)")
    let plain = try Program.run(["checkpoint", "show", weights, "--model", "resnet20"])
    #expect(plain.code == 1 && plain.output.contains("18 left over"), "\(plain.output)")
  }
}
