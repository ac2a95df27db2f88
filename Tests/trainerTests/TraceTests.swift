import Foundation
import Testing

/// `run.trace=true`: a file that Perfetto opens, and the share of the communication that the backward pass hid.
@Suite struct TraceTests {
  private struct Event: Decodable {
    let name: String
    let cat: String
    let ph: String
    let ts: Double?
    let dur: Double?
    let tid: Int
    let args: [String: String]?
    var start: Double { ts! }
    var end: Double { ts! + dur! }
  }

  private struct Trace: Decodable { let traceEvents: [Event] }

  private func trace(_ run: TinyRun, _ output: String) throws -> [Event] {
    try JSONDecoder().decode(Trace.self, from: Data(contentsOf: URL(fileURLWithPath: run.path(output + "/trace.json"))))
      .traceEvents
  }

  @Test(.enabled(if: Program.hasMPIRun)) func `Steps and buckets of two ranks are on one clock`() throws {
    let run = try TinyRun()
    let ending = try run.train("traced", ["run.trace=true", "distributed.bucket_bytes=100000"], ranks: 2)
    let events = try trace(run, "traced").filter { $0.ph == "X" }
    #expect(events.allSatisfy { $0.start >= 0 && $0.end >= $0.start })
    // Steps 4, 5 and 6, two replicas of four on this rank.
    let phases = events.filter { $0.cat == "step" && $0.name == "gradients" }
    #expect(phases.count == 3)
    for direction in ["forward", "backward"] {
      let stems = events.filter { $0.cat == direction && $0.args?["path"] == "conv1.conv2d" }
      #expect(stems.count == 6 && stems.allSatisfy { $0.tid == 0 })
      #expect(stems.allSatisfy { stem in phases.contains { $0.start <= stem.start && stem.end <= $0.end } })
    }
    let buckets = events.filter { $0.cat == "communication" && $0.name.hasPrefix("gradients bucket") }
    #expect(buckets.count % 3 == 0 && buckets.count > 6 && buckets.allSatisfy { $0.tid == 1 })

    // The share, from the events alone.
    var hidden = 0.0, all = 0.0
    for bucket in buckets {
      let phase = try #require(phases.last { $0.start <= bucket.start })
      let passes = events.filter { $0.cat == "backward" && $0.start >= phase.start && $0.end <= phase.end }
      hidden += max(0, min(bucket.end, passes.map(\.end).max()!) - bucket.start)
      all += bucket.end - bucket.start
    }
    let line = try #require(ending.output.split(separator: "\n").last { $0.hasPrefix("communication hidden: ") })
    let told = try #require(line.split(separator: " ").compactMap { Double($0) }.first)
    #expect(abs(told - 100 * hidden / all) <= 0.51)
    #expect(ending.output.contains("trace of steps 4 to 6 in "))
  }

  @Test func `One process has nothing to hide, and a short run no trace`() throws {
    let run = try TinyRun()
    let ending = try run.train("alone", ["run.trace=true"])
    #expect(try trace(run, "alone").contains { $0.name == "update" })
    #expect(!ending.output.contains("communication hidden"))
    let short = try run.train("short", ["run.trace=true", "run.steps=3"])
    #expect(short.output.contains("no trace: it begins with step 4 of a run"))
    #expect(!run.exists("short/trace.json"))
    try run.train("plain", ["run.steps=5"])
    #expect(!run.exists("plain/trace.json"))
    try run.train("wrong", ["run.trace=often"], expecting: 64)
  }
}
