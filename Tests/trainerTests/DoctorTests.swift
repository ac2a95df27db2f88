import Communication
import Foundation
import Testing

@Suite struct DoctorTests {
  /// One worker for each processor, each on its own, denormals flushed, rates alone and together.
  @Test func `One process has the whole mask`() throws {
    let ending = try Program.run(["doctor", "--seconds", "0.05", "--json"])
    let report = try ending.json()
    #expect(ending.code == 0 && report["problems"] is [String])
    let rank = try #require((report["ranks"] as? [[String: Any]])?.first)
    let processors = ProcessorMask.current().processors.sorted()
    let compute = try #require(rank["compute_threads"] as? Int)
    // Not where a control group grants less time than there are cores.
    if compute + (rank["loader_threads"] as? Int ?? 0) == processors.count {
      #expect(rank["worker_processors"] as? [String] == processors.prefix(compute).map(String.init))
      #expect(rank["is_pinned"] as? Bool == true)
    }
    #expect(rank["flushes_denormals"] as? Bool == true)
    let host = try #require((report["hosts"] as? [[String: Any]])?.first)
    for rate in ["gemm_gflops", "copy_gigabytes"] {
      let alone = try #require(host[rate + "_alone"] as? Double)
      let all = try #require(host[rate + "_together"] as? Double)
      let share = try #require(host[rate.prefix(4) + "_share"] as? Double)
      #expect(alone > 0 && abs(share - all / (alone * Double(compute))) < 1e-9 * share)
    }
    #expect((report["command"] as? String)?.hasSuffix("trainer train RUN.yaml") == true)
  }

  /// Two ranks that mpirun leaves unbound divide the processors; four on fewer processors take turns, which is said.
  @Test(.enabled(if: Program.hasMPIRun), arguments: [2, 4])
  func `Ranks of one machine divide its processors`(count: Int) throws {
    let ending = try Program.run(["doctor", "--seconds", "0.02", "--json"], ranks: count)
    let report = try ending.json()
    try checkLink(report, count)
    try checkMachine(report)
    let ranks = try #require(report["ranks"] as? [[String: Any]])
    #expect(ranks.map { $0["rank"] as? Int } == Array(0..<count))
    let hosts = try #require(report["hosts"] as? [[String: Any]])
    #expect(hosts.count == 1 && hosts[0]["ranks"] as? Int == count)
    let places = ranks.flatMap { $0["worker_processors"] as? [String] ?? [] }
    let problems = try #require(report["problems"] as? [String])
    if count <= ProcessorMask.current().processors.count {
      #expect(Set(places).count == places.count || ranks.contains { $0["is_pinned"] as? Bool == false })
    } else {
      #expect(problems.contains { $0.contains("\(count) ranks take turns on") })
    }
    let room = min(count, ProcessorMask.current().processors.count)
    #expect((report["command"] as? String)?.hasSuffix("launch/train -n \(room) RUN.yaml") == true)
    #expect(ending.code == 0)
  }

  @Test func `The last lines are the verdict and the way to start`() throws {
    let ending = try Program.run(["doctor", "--seconds", "0.02"], environment: ["OPENBLAS_CORETYPE": "Prescott"])
    let lines = ending.output.split(separator: "\n")
    #expect(ending.code == 0)
    #expect(lines.contains { $0.hasPrefix("problem") && $0.contains("OpenBLAS uses its Prescott kernels") })
    let drawn = try #require(lines.first { $0.hasPrefix("  rank 0 ") })
    #expect(drawn.count { $0 == "█" || $0 == "░" } == ProcessorMask.current().processors.count)
    #expect(lines.dropLast().last?.hasPrefix("verdict ") == true)
    #expect(lines.last == "start with  env -u OPENBLAS_CORETYPE trainer train RUN.yaml")
  }

  /// Sums of growing size beside what the line says.
  private func checkLink(_ report: [String: Any], _ count: Int) throws {
    let link = try #require(report["link"] as? [String: Any])
    let lines = try #require((link["line"] as? [String: Any])?["lines"] as? [[String: Any]])
    #expect(lines.map { $0["distance"] as? Int } == (count == 2 ? [1] : [1, 2]))
    let latency = lines.reduce(0) { $0 + 2 * ($1["latency_seconds"] as? Double ?? -1) }
    let sums = try #require(link["sums"] as? [[String: Any]])
    #expect(sums.count >= 2 && link["reduction"] as? String == "tree")
    #expect(LinkModel.bucketByteRange.contains(try #require(link["bucket_bytes"] as? Int)))
    for sum in sums {
      let measured = try #require(sum["measured_seconds"] as? Double)
      let predicted = try #require(sum["predicted_seconds"] as? Double)
      #expect(measured > 0 && predicted > latency)
      #expect(abs(try #require(sum["ratio"] as? Double) - measured / predicted) < 1e-9 * measured / predicted)
    }
  }

  private func checkMachine(_ report: [String: Any]) throws {
    let disk = try #require(report["disk"] as? [String: Any])
    #expect(disk["failure"] is NSNull && (disk["free_bytes"] as? Int ?? 0) > 0)
    #expect((disk["megabytes_per_second"] as? Double ?? 0) > 0 && disk["checkpoint_bytes"] as? Int == 204_456_256)
    let host = try #require((report["hosts"] as? [[String: Any]])?.first)
    for key in ["processor", "memory_nodes", "huge_pages", "available_memory_bytes", "processor_quota", "clock"] {
      #expect(host[key] != nil, "\(key)")
    }
    #expect((host["available_memory_bytes"] as? Int ?? 0) > 1 << 20)
    let findings = try #require(report["findings"] as? [[String: Any]])
    let problems = findings.filter { $0["is_problem"] as? Bool == true }
    #expect(problems.count == (report["problems"] as? [String])?.count)
    #expect(findings.allSatisfy { $0["topic"] is String && $0["found"] is String && $0["remedy"] is String })
    #expect((report["mpi"] as? String)?.isEmpty == false && report["verdict"] is String)
    #expect(try #require(report["seconds"] as? Double) < 20)
  }

  @Test func `A folder that takes nothing is a problem, and a run file says what a checkpoint is`() throws {
    let run = try TinyRun()
    let good = try Program.run(["doctor", run.file, "--seconds", "0.02", "--output", run.path("a/b"), "--json"]).json()
    let disk = try #require(good["disk"] as? [String: Any])
    #expect(disk["folder"] as? String == run.folder)
    // ResNet-20 with squeeze-and-excitation, twice: values and momenta.
    #expect((2_000_000..<2_500_000).contains(disk["checkpoint_bytes"] as? Int ?? 0))
    #expect((good["command"] as? String)?.hasSuffix("trainer train \(run.file)") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: run.folder) == ["tiny.yaml"])
    let bad = try Program.run(["doctor", "--seconds", "0.02", "--output", "/proc/none", "--json"]).json()
    let problems = try #require(bad["problems"] as? [String])
    #expect(problems.contains { $0.hasPrefix("nothing can be written in /proc (") && $0.contains("`--output`") })
  }
}
