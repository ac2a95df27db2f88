import Foundation
import Testing

/// Ranks that go their own way for some steps, and norms that do not.
@Suite(.enabled(if: Program.hasMPIRun, "mpirun is not installed"))
struct LocalStepsTests {
  private let settings = ["distributed.replicas=0", "distributed.sync_every=3", "run.steps=12", "run.evaluate_every=12"]

  @Test func `Steps of one's own train as well, and differ from joint ones`() throws {
    let run = try TinyRun()
    try run.train("joint", ["distributed.replicas=0", "run.steps=12"], ranks: 2)
    try run.train("local", settings, ranks: 2)
    try run.train("again", settings + ["distributed.threads=2"], ranks: 2)
    #expect(try run.bytes("local") != run.bytes("joint"))
    #expect(try run.bytes("local") == run.bytes("again"))
    #expect(try run.steps("local") == Array(1...12))
    let joint = try run.last("loss", "joint"), local = try run.last("loss", "local")
    #expect(abs(joint - local) < 0.2 * joint, "\(joint) and \(local)")
  }

  @Test func `The first steps are joint where the own ones begin later`() throws {
    let run = try TinyRun(), late = ["distributed.sync_from=50 %"]
    try run.train("joint", ["distributed.replicas=0", "run.steps=12", "run.checkpoint_every=6"], ranks: 2)
    try run.train("late", settings + late + ["run.checkpoint_every=6"], ranks: 2)
    #expect(try run.bytes("late", of: "step-000006") == run.bytes("joint", of: "step-000006"))
    #expect(try run.bytes("late") != run.bytes("joint"))
  }

  @Test func `A stop waits for the next mean, and the resumed run ends as an unbroken one`() throws {
    let run = try TinyRun()
    let settings = self.settings + ["run.steps=120", "run.evaluate_every=120", "run.checkpoint_every=120"]
    try run.train("unbroken", settings, ranks: 2)
    let stopped = try Program.start(run.arguments("stopped", settings), ranks: 2)
    try stopped.wait { (try? run.steps("stopped").count > 4) == true }
    stopped.send(SIGUSR1)
    #expect(stopped.end(within: 60).code == 75)
    let last = try #require(try run.steps("stopped").last)
    #expect(last % 3 == 0, "saved after step \(last)")
    try run.train("stopped", settings, ["--resume", "latest"], ranks: 2)
    for file in ["model.safetensors", "optimizer.safetensors"] {
      #expect(try run.bytes("stopped", file) == run.bytes("unbroken", file))
    }
  }

  /// The first loss has gone through the norms once, later ones through their gradients too. At ten times this rate each
  /// step amplifies the last one's rounding, a thousandfold in six, all the more where it has put a value on the other side
  /// of a ReLU's kink. Winograd's rounding, ten times that of the plain convolutions and another for four images than for
  /// sixteen, does so in every few steps, and so may that of norms that are left to their gates, as synchronized ones are
  /// not: with these the first loss alone must agree.
  @Test func `Norms over all ranks give nearly what one rank has with the whole batch`() throws {
    let run = try TinyRun(), calm = ["distributed.replicas=0", "optimizer.learning_rate=0.005"]
    let plain = calm + ["run.disable_rewrites=[choose_convolution_methods, defer_norm_to_gates]"]
    try run.train("whole", plain)
    try run.train("four", plain + ["model.batch_norm=synchronized"], ranks: 4)
    try run.train("fast", calm + ["model.batch_norm=synchronized"], ranks: 4)
    let whole = try run.losses("whole"), four = try run.losses("four"), fast = try run.losses("fast")
    try #require(whole.count == 6 && four.count == 6 && fast.count == 6)
    for step in 0..<6 {
      #expect(abs(whole[step] - four[step]) < 1e-6 * whole[step], "step \(step + 1) of \(whole) and \(four)")
    }
    #expect(abs(fast[0] - whole[0]) < 1e-6 * whole[0], "\(fast[0]) and \(whole[0])")
  }

  @Test func `What does not go together is refused in a sentence`() throws {
    let run = try TinyRun()
    for (settings, sentence) in [
      (["model.batch_norm=synchronized"], "model.batch_norm: synchronized needs one replica a rank, found 4 on 2 ranks"),
      (["distributed.sync_every=4"], "distributed.sync_every needs one replica a rank, found 4 on 2 ranks"),
      (
        ["distributed.replicas=2", "distributed.sync_every=4", "distributed.shard_optimizer=true"],
        "gradients do not travel between means of parameters"
      ),
      (
        ["distributed.replicas=2", "model.batch_norm=synchronized", "data.training_scenes=49"],
        "the last step of an epoch of 49 samples leaves some of 2 ranks without any"
      ),
    ] {
      let ending = try run.train("refused", settings, ranks: 2, expecting: 64)
      #expect(ending.errors.contains(sentence), "\(settings): \(ending.errors)")
    }
  }
}
