import Foundation
import Glibc
import Testing

/// A disk that is full or may not be written: a sentence, exit code 74, and never the loss of what was good before.
@Suite(.serialized) struct FullDiskTests {
  /// Why the tests that need a disk of their own are skipped, or `nil`.
  private static let skipReason: String? = {
    guard geteuid() == 0 else { return "only root can mount a small disk" }
    guard let disk = try? SmallDisk(FileManager.default.temporaryDirectory.path + "/disk-\(UUID().uuidString)") else {
      return "a small disk cannot be mounted here"
    }
    disk.unmount()
    rmdir(disk.path)
    return nil
  }()
  private static let needsDisk = ConditionTrait.enabled(if: skipReason == nil, "\(skipReason ?? "")")

  /// A file system in memory, of so many KiB.
  private final class SmallDisk {
    let path: String

    init(_ path: String, kilobytes: Int = 24 << 10) throws {
      self.path = path
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      guard mount("tmpfs", path, "tmpfs", 0, "size=\(kilobytes)k") == 0 else { throw POSIXError(.EPERM) }
    }

    deinit { unmount() }

    func unmount() { umount2(path, Int32(MNT_DETACH)) }

    /// Leaves `pages` pages of 4 KiB free.
    func fill(leaving pages: Int = 0) {
      let file = open(path + "/.filler", O_WRONLY | O_CREAT | O_APPEND, 0o600)
      let page = [UInt8](repeating: 1, count: 4096)
      while write(file, page, page.count) > 0 {}
      ftruncate(file, lseek(file, 0, SEEK_END) - off_t(4096 * pages))
      close(file)
    }

    func clear() { unlink(path + "/.filler") }

    func setReadOnly(_ isReadOnly: Bool) throws {
      guard mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT) | (isReadOnly ? UInt(MS_RDONLY) : 0), nil) == 0 else {
        throw POSIXError(.EPERM)
      }
    }
  }

  private static let settings = ["run.steps=8", "run.checkpoint_every=2", "run.evaluate_every=8", "run.keep_last=2"]

  private func sentences(_ ending: Program.Ending) -> [Substring] {
    ending.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
  }

  @Test(needsDisk, arguments: [1, 2])
  func `A disk that fills up during a run ends it with a sentence, and the run goes on when there is room`(
    ranks: Int
  ) throws {
    guard ranks == 1 || Program.hasMPIRun else { return }
    let run = try TinyRun(), launched = ranks == 1 ? nil : ranks
    try run.train("unbroken", Self.settings)
    let disk = try SmallDisk(run.path("full"))
    try run.train("full", Self.settings, ["--steps", "4"], ranks: launched)
    // Room for the records of a few steps, not for a checkpoint.
    disk.fill(leaving: 8)
    let ending = try run.train("full", Self.settings, ["--resume", "latest"], ranks: launched, expecting: 74)
    let said = sentences(ending)
    #expect(said.count == 1 && said[0].contains("the checkpoint of step 6 could not be written"), "\(ending.errors)")
    #expect(said.first?.contains("No space left on device") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: run.path("full/checkpoints")).sorted()
      == ["latest", "step-000002", "step-000004"])
    disk.clear()
    let resumed = try run.train("full", Self.settings, ["--resume", "latest"], ranks: launched)
    #expect(resumed.output.contains("resumed from \(run.path("full/checkpoints/step-000004"))"))
    for file in ["model.safetensors", "optimizer.safetensors"] {
      #expect(try run.bytes("full", file) == run.bytes("unbroken", file))
    }
    #expect(try run.steps("full") == Array(1...8))
  }

  /// Whatever of a run's files is the first that the disk refuses.
  @Test(needsDisk, arguments: [0, 1, 2, 3, 4, 6])
  func `A run that begins on a full disk ends with one sentence that names a file`(pages: Int) throws {
    let run = try TinyRun(), disk = try SmallDisk(run.path("disk"))
    disk.fill(leaving: pages)
    let ending = try run.train("disk/run", Self.settings + ["run.trace=true"], expecting: 74)
    #expect(sentences(ending).count == 1, "\(ending.errors)")
    #expect(ending.errors.contains(run.path("disk/run")), "\(ending.errors)")
    #expect(ending.errors.contains("No space left on device"), "\(ending.errors)")
    #expect(!ending.errors.contains("Fatal error"), "\(ending.errors)")
  }

  @Test(needsDisk) func `Pictures for which there is no room are missed with a warning, not with the run`() throws {
    let run = try TinyRun(), disk = try SmallDisk(run.path("full"))
    try run.train("full", ["run.steps=2"])
    let whole = try run.bytes("full")
    disk.fill(leaving: 2)
    // Nothing is left to train: only the pictures and a few records are written.
    let ending = try run.train("full", ["run.steps=2"], ["--resume", "latest"])
    #expect(ending.output.contains("warning: \(run.path("full/pictures/"))"), "\(ending.output)")
    #expect(ending.output.contains("cannot write the picture: No space left on device"), "\(ending.output)")
    #expect(try run.bytes("full") == whole)
  }

  @Test(needsDisk) func `A folder that is read-only is a sentence, for a fresh run and for one that goes on`() throws {
    let run = try TinyRun(), disk = try SmallDisk(run.path("disk"))
    try run.train("disk/run", ["run.steps=2", "run.checkpoint_every=2"])
    let whole = try run.bytes("disk/run")
    try FileManager.default.createDirectory(atPath: run.path("disk/empty"), withIntermediateDirectories: true)
    try disk.setReadOnly(true)
    for (output, options) in [("disk/new/run", []), ("disk/empty", []), ("disk/run", ["--resume", "latest"])] {
      let ending = try run.train(output, ["run.steps=4"], options, expecting: 74)
      #expect(sentences(ending).count == 1 && ending.errors.contains("Read-only file system"), "\(ending.errors)")
      #expect(ending.errors.contains(run.path(output)), "\(ending.errors)")
    }
    #expect(try run.bytes("disk/run") == whole)
    // What only reads goes on.
    let judged = try Program.run(["evaluate", run.file, "--checkpoint", run.path("disk/run/checkpoints/latest")])
    #expect(judged.code == 0, "\(judged.errors)")
  }

  @Test func `A log on a full disk does not end the training that it tells of`() throws {
    let run = try TinyRun()
    // The summary is missing, which the exit code says; the run itself is whole.
    #expect(try ending(of: run.arguments("run", ["run.steps=2"]), "> /dev/full").code == 74)
    #expect(run.exists("run/checkpoints/step-000002") && run.exists("run/pictures/predictions.png"))
    #expect(try ending(of: ["train", "missing.yaml"], "2> /dev/full").code == 64)
  }

  /// Runs the program in a shell that sends its output elsewhere.
  private func ending(of words: [String], _ redirection: String, in folder: String? = nil) throws -> Program.Ending {
    let command = ([try #require(Program.path)] + words).map { "'\($0)'" }.joined(separator: " ")
    return try Program.start(command: ["/bin/sh", "-c", "\(command) \(redirection)"], in: folder).end()
  }

  /// Short results stay in the buffer until the end, long ones are refused while they are printed.
  @Test func `Results that the output does not take are a sentence, whatever the command`() throws {
    let run = try TinyRun(), fixtures = "\(Pictures.repository)/Tests/Fixtures"
    try run.train("run", ["run.steps=1", "run.checkpoint_every=1"])
    let checkpoint = run.path("run/checkpoints/latest"), photo = fixtures + "/datasets/baseline_420.jpg"
    let commands = [
      ["models"], ["models", "--json"], ["inspect", "--model", "resnet20"],
      ["inspect", "--model", "resnet20", "--plan"], ["verify", fixtures + "/cbam/module_c32_r8.safetensors"],
      ["evaluate", run.file, "--checkpoint", checkpoint], ["predict", "--checkpoint", checkpoint, photo],
      ["predict", "--checkpoint", checkpoint, "--explain", "--json", photo], ["checkpoint", "show", checkpoint],
      ["checkpoint", "show", checkpoint, "--json"], ["checkpoint", "compare", checkpoint, checkpoint],
      ["benchmark", "--model", "resnet20", "--batch", "2", "--steps", "1", "--warmup", "0"],
    ]
    for words in commands {
      let ending = try ending(of: words, "> /dev/full", in: run.folder)
      #expect(ending.code == 74, "\(words): \(ending.errors)")
      #expect(ending.errors.hasSuffix("\n") && sentences(ending).count == 1, "\(words): \(ending.errors)")
      #expect(ending.errors.contains("error: the standard output does not take the results"), "\(ending.errors)")
    }
    // A check that failed has a code of its own.
    let failed = try ending(of: ["verify", photo], "> /dev/full")
    #expect(failed.code == 1 && sentences(failed).count == 1, "\(failed.errors)")
  }
}
