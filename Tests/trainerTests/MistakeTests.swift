import Foundation
import Safetensors
import Testing

/// What a user can do wrong: each mistake has its sentence and its exit code, and says so once.
@Suite struct MistakeTests {
  struct Mistake: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// `FOLDER` stands for the run's folder.
    var settings: [String] = []
    var options: [String] = []
    var ranks: Int?
    var code: Int32
    /// Parts of the sentence.
    var says: [String]
  }

  static let mistakes = [
    Mistake(
      testDescription: "unknown key", settings: ["model.attenton=cbam"], code: 64,
      says: ["command line: model.attenton: unknown key; did you mean 'attention'?"]),
    Mistake(
      testDescription: "unknown section", settings: ["optimiser.name=sgd"], code: 64,
      says: ["optimiser: unknown key; did you mean 'optimizer'?"]),
    Mistake(
      testDescription: "wrong type", settings: ["data.batch=many"], code: 64,
      says: ["command line: data.batch: wanted a whole number", "found 'many'"]),
    Mistake(
      testDescription: "out of range", settings: ["optimizer.momentum=1.5"], code: 64,
      says: ["optimizer.momentum: wanted", "found '1.5'"]),
    Mistake(
      testDescription: "unknown network", settings: ["model.name=resnet51"], code: 64,
      says: ["model.name: no network is called 'resnet51'; did you mean 'resnet50'?"]),
    Mistake(
      testDescription: "unknown attention module", settings: ["model.attention=cbma"], code: 64,
      says: ["no attention module is called 'cbma'; did you mean 'cbam'?"]),
    Mistake(
      testDescription: "unknown optimizer", settings: ["optimizer.name=adam"], code: 64,
      says: ["no optimizer is called 'adam'; did you mean 'adamw'?"]),
    Mistake(
      testDescription: "unknown data set", settings: ["data.name=cifar11"], code: 64,
      says: ["no data set is called 'cifar11'; did you mean 'cifar10'?"]),
    Mistake(
      testDescription: "not a setting", settings: ["data.batch"], code: 64,
      says: ["wanted key.path=value, found 'data.batch'"]),
    Mistake(
      testDescription: "missing data root", settings: ["data={name: cifar10, root: FOLDER/none}"], code: 64,
      says: ["data.root: the folder 'FOLDER/none' does not exist"]),
    Mistake(
      testDescription: "truncated CIFAR file", settings: ["data={name: cifar10, root: FOLDER/cifar, batch: 4}"],
      code: 65,
      says: ["FOLDER/cifar/data_batch_1.bin: has 12291 bytes; 3 records of 3073 leave 3072 bytes over"]),
    Mistake(
      testDescription: "pictures that are text",
      settings: ["data={name: imagefolder, root: FOLDER/text, image_size: 32, batch: 4, max_broken: 2}"], code: 65,
      says: ["3 broken samples, 2 are allowed (data.max_broken)", "FOLDER/text/train/b/broken"]),
    Mistake(
      testDescription: "pictures of many sizes",
      settings: ["data={name: imagefolder, root: FOLDER/text, image_size: 32, batch: 4, augment: [flip]}"], code: 64,
      says: ["pictures of different sizes do not fit into one batch, and the pipeline (flip) leaves them so"]),
    Mistake(
      testDescription: "a policy that is none", settings: ["data.augment=[{name: auto_augment, policy: imagnet}]"],
      code: 64, says: ["data.augment[0].policy: no policy is called 'imagnet'; did you mean 'imagenet'?"]),
    Mistake(
      testDescription: "mixing an odd batch", settings: ["data.batch=12", "data.mix={mixup_alpha: 1, mode: pair}"],
      code: 64,
      says: ["a batch of 12 gives each of 4 replicas 3; the nearest that is even is 16"]),
    Mistake(
      testDescription: "a loss that is none", settings: ["task.loss=binary_entropy"], code: 64,
      says: ["task.loss: no loss is called 'binary_entropy'; did you mean 'binary_cross_entropy'?"]),
    Mistake(
      testDescription: "more copies than a batch holds", settings: ["data.repeats=17"], code: 64,
      says: ["data.repeats: a batch of 16 cannot have a sample 17 times"]),
    Mistake(
      testDescription: "too few classes", settings: ["model.classes=7"], code: 64,
      says: ["model.classes: is 7, but the data set has 10 classes"]),
    Mistake(
      testDescription: "batch not divisible", settings: ["data.batch=30"], code: 64,
      says: ["a batch of 30 cannot be dealt evenly to 4 replicas; the nearest that can is 32"]),
    Mistake(
      testDescription: "more replicas than samples", settings: ["data.limit=3"], code: 64,
      says: ["3 samples are too few for 4 replicas: each needs one at least"]),
    Mistake(
      testDescription: "batch larger than the data set", settings: ["data.batch=128"], code: 64,
      says: ["a batch of 128 is larger than the whole data set of 64 samples"]),
    Mistake(
      testDescription: "a budget that is none", settings: ["run.memory_budget=plenty"], code: 64,
      says: ["run.memory_budget: wanted auto, unlimited, or a size such as '1.5 GB', found 'plenty'"]),
    Mistake(
      testDescription: "a rewrite that is none", settings: ["run.disable_rewrites=[fuse_normalisation]"], code: 64,
      says: ["run.disable_rewrites: wanted names among", "found 'fuse_normalisation'; did you mean 'fuse_normalization'?"]),
    Mistake(
      testDescription: "buckets without a size", settings: ["distributed.bucket_bytes=large"], code: 64,
      says: ["distributed.bucket_bytes: wanted auto or a whole number of bytes from 1 to 1099511627776, found 'large'"]),
    Mistake(
      testDescription: "a budget that nothing fits into", settings: ["run.memory_budget=1 kB"], code: 64,
      says: ["a training step does not fit into 1 MiB; the smallest budget that works is", "most is needed at step"]),
    Mistake(
      testDescription: "a rate that explodes", settings: ["optimizer.learning_rate=1e30", "schedule.name=constant"],
      code: 1,
      says: [
        "the loss is", "with a learning rate of 1e+30", "step 1 had loss",
        "`trainer replay FOLDER/run/capsules/step-000002` runs it alone",
      ]),
    Mistake(
      testDescription: "a rate that explodes, in debug mode",
      settings: ["optimizer.learning_rate=1e30", "schedule.name=constant"], options: ["--debug"], code: 1,
      says: ["step 2: ", "in the forward pass of replica 0"]),
    Mistake(
      testDescription: "a folder that holds a run", options: ["--output", "FOLDER/occupied"], code: 64,
      says: ["FOLDER/occupied already holds a run", "--resume latest"]),
    Mistake(
      testDescription: "no such checkpoint", options: ["--resume", "FOLDER/none"], code: 65,
      says: ["FOLDER/none is no checkpoint: it has no readable state.json"]),
    Mistake(
      testDescription: "weights that are not there", settings: ["model.weights=FOLDER/none.pth"], code: 65,
      says: ["FOLDER/none.pth: wanted a readable file, found No such file or directory"]),
    Mistake(
      testDescription: "weights that would run something", settings: ["model.weights=FOLDER/attack.pth"], code: 65,
      says: ["FOLDER/attack.pth: the pickle names 'posix.system', which is not data; nothing was run"]),
    Mistake(
      testDescription: "weights for other classes", settings: ["model.weights={file: FOLDER/tiny.safetensors}"],
      code: 65,
      says: ["FOLDER/tiny.safetensors: 0 tensors of the file fit the network, 1 of another shape (fc.bias is [3]"]),
    Mistake(
      testDescription: "an unknown way to take a classifier",
      settings: ["model.weights={file: FOLDER/tiny.safetensors, head: old}"], code: 64,
      says: ["command line: model.weights.head: no head is called 'old'"]),
    Mistake(
      testDescription: "a folder that cannot be made", options: ["--output", "FOLDER/tiny.yaml/run"], code: 64,
      says: ["cannot make the folder FOLDER/tiny.yaml/run"]),
    Mistake(
      testDescription: "replicas over ranks", settings: ["distributed.replicas=4"], ranks: 3, code: 64,
      says: ["4 replicas cannot be spread evenly over 3 ranks; the nearest number that can is 3"]),
    Mistake(
      testDescription: "tree of three",
      settings: ["distributed.replicas=3", "distributed.reduction=tree", "data.batch=12"], ranks: 3, code: 64,
      says: ["a tree over 3 replicas on 3 ranks cannot be exact", "take 2 ranks, or `distributed.reduction=fast`"]),
    Mistake(
      testDescription: "more ranks than samples", settings: ["distributed.replicas=0", "data.limit=2"], ranks: 4,
      code: 64, says: ["2 samples are too few for 4 replicas"]),
    Mistake(
      testDescription: "unknown key, four ranks", settings: ["model.attenton=cbam"], ranks: 4, code: 64,
      says: ["did you mean 'attention'?"]),
    Mistake(
      testDescription: "truncated CIFAR file, four ranks",
      settings: ["data={name: cifar10, root: FOLDER/cifar, batch: 4}"], ranks: 4, code: 65,
      says: ["error: FOLDER/cifar/data_batch_1.bin: has 12291 bytes"]),
    Mistake(
      testDescription: "a rate that explodes, two ranks",
      settings: ["optimizer.learning_rate=1e30", "schedule.name=constant"], ranks: 2, code: 1,
      says: [
        "the loss is", "replicas 0 (rank 0), 1 (rank 0), 2 (rank 1), 3 (rank 1)", "`trainer replay FOLDER/run/capsules",
      ]),
  ]

  @Test(arguments: mistakes)
  func `A mistake has one sentence and its exit code`(mistake: Mistake) throws {
    guard mistake.ranks == nil || Program.hasMPIRun else { return }
    let run = try TinyRun()
    try Self.prepare(run)
    func filled(_ text: String) -> String { text.replacing("FOLDER", with: run.folder) }
    let output = mistake.options.contains("--output") ? [] : ["--output", run.path("run")]
    let ending = try Program.run(
      ["train", run.file] + mistake.settings.map(filled) + mistake.options.map(filled) + output, ranks: mistake.ranks)
    #expect(ending.code == mistake.code)
    let sentences = ending.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
    #expect(sentences.count == 1, "\(ending.errors)")
    for part in mistake.says {
      #expect(sentences.first?.contains(filled(part)) == true, "\(part)\n\(ending.errors)\n\(ending.output)")
    }
  }

  /// A pickle in the older form of torch.save whose object would call os.system.
  private static let attack = Data(
    [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E, 0x80, 2, 0x4D, 0xE9, 3, 0x2E]
      + [UInt8]("\u{80}\u{2}}X\u{D}\0\0\0little_endian\u{88}s.".unicodeScalars.map { UInt8($0.value) })
      + [UInt8]("\u{80}\u{2}cposix\nsystem\nX\u{2}\0\0\0id\u{85}R.".unicodeScalars.map { UInt8($0.value) }))

  /// What the mistakes are about.
  private static func prepare(_ run: TinyRun) throws {
    let files = FileManager.default
    try files.createDirectory(atPath: run.path("cifar"), withIntermediateDirectories: true)
    let names = (0..<10).map { "class\($0)\n" }.joined()
    try names.write(toFile: run.path("cifar/batches.meta.txt"), atomically: true, encoding: .utf8)
    _ = files.createFile(atPath: run.path("cifar/data_batch_1.bin"), contents: Data(count: 4 * 3073 - 1))
    _ = files.createFile(atPath: run.path("cifar/test_batch.bin"), contents: Data(count: 4 * 3073))
    try Pictures.folder(run.path("text"), broken: 3)
    try Self.attack.write(to: URL(fileURLWithPath: run.path("attack.pth")))
    var weights = SafetensorsWriter()
    try weights.add("fc.bias", shape: [3], floats: [1, 2, 3])
    _ = try weights.write(to: run.path("tiny.safetensors"))
    try files.createDirectory(atPath: run.path("occupied/checkpoints"), withIntermediateDirectories: true)
  }

  @Test func `A missing run file is named with its neighbour`() throws {
    let run = try TinyRun()
    for ranks in Program.hasMPIRun ? [nil, 2] : [nil] {
      let ending = try Program.run(["train", run.path("tinny.yaml")], ranks: ranks)
      #expect(ending.code == 64)
      let sentence = "there is no readable run file \(run.path("tinny.yaml")); did you mean 'tiny.yaml'?"
      #expect(ending.errors.contains(sentence))
    }
  }

  @Test func `A few broken pictures are skipped, named and counted`() throws {
    let run = try TinyRun()
    try Pictures.folder(run.path("pictures"), broken: 1)
    for ranks in Program.hasMPIRun ? [nil, 2] : [nil] {
      let output = "run\(ranks ?? 1)"
      let ending = try run.train(output, Pictures.settings(run.path("pictures")) + ["run.steps=4"], ranks: ranks)
      let lines = ending.output.split(whereSeparator: \.isNewline).filter { $0.contains("skipped") }
      #expect(lines.count == 1, "\(ending.output)")
      #expect(lines.first?.contains("train/b/broken0.jpg: ") == true && lines.first?.contains("(1 so far)") == true)
    }
    if Program.hasMPIRun { #expect(try run.bytes("run1") == run.bytes("run2")) }
  }

  @Test func `A checkpoint of another number of classes is refused`() throws {
    let run = try TinyRun()
    try run.train("ten", ["run.steps=1"])
    let ending = try Program.run(
      ["evaluate", run.file, "model.classes=12", "--checkpoint", run.path("ten/checkpoints/latest")])
    #expect(ending.code == 65)
    #expect(ending.errors.contains("fc.weight") && ending.errors.contains("12"), "\(ending.errors)")
  }
}
