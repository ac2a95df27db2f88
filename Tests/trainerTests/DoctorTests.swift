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
    #expect(lines.dropLast().last?.hasPrefix("verdict ") == true)
    #expect(lines.last == "start with  env -u OPENBLAS_CORETYPE trainer train RUN.yaml")
  }
}
