import Foundation
import Testing

/// `launch/cluster.sbatch` as Slurm would run it, with a scontrol that notes what it is asked for.
@Suite(.enabled(if: Program.hasMPIRun, "no mpirun here")) struct ClusterScriptTests {
  /// Before the time is up the run saves itself and the job queues again; then it goes on from there to its end.
  @Test func aJobThatRunsOutOfTimeQueuesAgainAndGoesOn() throws {
    let run = try TinyRun(), launch = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../launch").standardized.path
    let files = FileManager.default, asked = run.path("asked")
    // Jobs are submitted from the top folder; here it holds the scripts and nothing else.
    try files.createSymbolicLink(atPath: run.path("launch"), withDestinationPath: launch)
    try files.createDirectory(atPath: run.path("bin"), withIntermediateDirectories: false)
    try "#!/bin/sh\necho \"$@\" >>\(asked)\n".write(toFile: run.path("bin/scontrol"), atomically: true, encoding: .utf8)
    try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: run.path("bin/scontrol"))
    let trainer = URL(fileURLWithPath: try #require(Program.path)).deletingLastPathComponent().path
    let path = [run.path("bin"), trainer, ProcessInfo.processInfo.environment["PATH"] ?? ""].joined(separator: ":")
    func start() throws -> Program.Running {
      try Program.start(
        command: ["bash", "launch/cluster.sbatch", "tiny.yaml", "run.steps=60"],
        environment: ["SLURM_JOB_ID": "7", "SLURM_NTASKS": "2", "PATH": path], in: run.folder)
    }
    func steps() -> Int { (try? run.steps("runs/tiny-7").count) ?? 0 }

    let first = try start()
    try first.wait { steps() >= 3 }
    first.send(SIGUSR1)
    let stopped = first.end()
    #expect(stopped.code == 75, "\(stopped.errors)")
    #expect(try String(contentsOfFile: asked, encoding: .utf8) == "requeue 7\n")
    let done = steps()
    #expect(done < 60)

    let second = try start().end()
    #expect(second.code == 0, "\(second.errors)")
    #expect(steps() == 60, "each step once, \(done) of them before")
    #expect(try String(contentsOfFile: asked, encoding: .utf8) == "requeue 7\n", "it does not queue a third time")
  }
}
