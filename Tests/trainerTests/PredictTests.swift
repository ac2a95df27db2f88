import Foundation
import Testing

/// `trainer predict` of a checkpoint and of a bare file of weights, seen through the program.
@Suite struct PredictTests {
  private static let photo = "\(Pictures.repository)/Tests/Fixtures/datasets/baseline_420.jpg"

  @Test func `A file of weights with its run file says what the checkpoint says`() throws {
    let run = try TinyRun()
    try run.train("run", ["model.attention=eca", "run.steps=2"])
    let checkpoint = run.path("run/checkpoints/latest"), weights = run.path("published.pth")
    try FileManager.default.copyItem(atPath: checkpoint + "/model.safetensors", toPath: weights)
    func predict(_ words: [String], _ weights: String) throws -> Program.Ending {
      let ending = try Program.run(
        ["predict"] + words + ["--checkpoint", weights, "--output", run.path("drawn"), "--json", Self.photo])
      #expect(ending.code == 0, "\(ending.errors)")
      return ending
    }
    let whole = try predict([], checkpoint)
    #expect(try whole.json()["logits"] as? [Double] != nil)
    #expect(run.exists("drawn/predictions.png"))
    #expect(try predict([run.file, "model.attention=eca"], weights).output == whole.output)
    // The run file wins over what a checkpoint says: pictures of another size are other pictures.
    let larger = try predict([run.file, "model.attention=eca", "data.image_size=32"], checkpoint).json()
    #expect(larger["logits"] as? [Double] != (try whole.json()["logits"] as? [Double]))

    // Whoever says how many classes there are needs no data set; their names are then numbers.
    let nowhere = ["data={name: cifar10, normalize: half, prepare: [], image_size: 16}", "model.classes=10"]
    let unnamed = try predict([run.file, "model.attention=eca"] + nowhere, weights).json()
    #expect(unnamed["logits"] as? [Double] == (try whole.json()["logits"] as? [Double]))
    #expect(unnamed["class"] as? String == "class \(try #require(unnamed["label"] as? Int))")
  }

  @Test func `What does not fit together is a sentence`() throws {
    let run = try TinyRun()
    try run.train("run", ["run.steps=1"])
    let folder = run.path("run/checkpoints/latest"), weights = folder + "/model.safetensors"
    let cases: [(words: [String], code: Int32, sentence: String)] = [
      (["--checkpoint", weights, Self.photo], 64, "--checkpoint: \(weights) is a file of weights, which does not say of"),
      (["--checkpoint", weights, Self.photo], 64, "or the whole checkpoint, `--checkpoint \(folder)`"),
      ([run.file, "--checkpoint", weights], 64, "name the pictures to label"),
      ([run.file, "model.atention=se", "--checkpoint", weights, Self.photo], 64, "did you mean 'attention'?"),
      ([run.file, "model.attention=cbam", "--checkpoint", weights, Self.photo], 65, "model.safetensors"),
      ([run.file, "--average", "--checkpoint", weights, Self.photo], 65, "--average wants a checkpoint folder"),
      (["--checkpoint", folder, "--output", "labelled.png", Self.photo], 64, "wanted a folder for what is drawn"),
    ]
    for (words, code, sentence) in cases {
      let ending = try Program.run(["predict"] + words, in: run.folder)
      #expect(ending.code == code && ending.errors.contains(sentence), "\(words): \(ending.errors)")
    }
    #expect(!run.exists("predictions"), "nothing is drawn where nothing is found")
  }
}
