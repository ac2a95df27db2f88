import ArgumentParser
import Communication
import Compute
import Configuration
import Training

/// What `trainer inspect --ranks` is told: how many ranks on how many hosts, and what joins them.
struct PredictionOptions: ParsableArguments {
  @Option(help: "Foretell a training step on so many ranks, and on fewer. What a rank computes is timed here.")
  var ranks: Int?

  @Option(
    help: """
      What joins the hosts: 10Gbit (a link's name), or 1.2GB/s (what messages get). Without it, measured between the \
      ranks of mpirun.
      """)
  var bandwidth: String?

  @Option(help: "What every message costs, however short: 30us.")
  var latency: String?

  @Option(help: "The hosts that share the ranks evenly; without it each rank has its own.")
  var hosts: Int?

  @Option(help: "What a rank computes in a step, in seconds, in place of timing it here.")
  var computeSeconds: Double?

  func validate() throws {
    let others: [(String, Bool)] = [
      ("--bandwidth", bandwidth != nil), ("--latency", latency != nil), ("--hosts", hosts != nil),
      ("--compute-seconds", computeSeconds != nil),
    ]
    if ranks == nil, let option = others.first(where: \.1)?.0 {
      throw ValidationError("\(option) goes with --ranks, as in `trainer inspect resnet50 --ranks 8 \(option) …`")
    }
    if (bandwidth == nil) != (latency == nil) {
      throw ValidationError("--bandwidth and --latency go together: a link has both")
    }
    if let computeSeconds, !(computeSeconds > 0 && computeSeconds < 1e6) {
      throw ValidationError("--compute-seconds: wanted a number of seconds above 0, found \(computeSeconds)")
    }
  }

  /// What is asked, checked.
  struct Request {
    let ranks: Int
    let hosts: Int
    /// Of a rank, where given.
    let threads: Int?
    /// The line between hosts, where given.
    let line: LinkLine?
    let computeSeconds: Double?
  }

  /// - Throws: `ConfigError` for values out of range or without a unit.
  func request(_ ranks: Int, threads: Int?, _ job: Job) throws(ConfigError) -> Request {
    let ranks = try checked("--ranks", ranks, in: 1...65_536)
    let hosts = try checked("--hosts", hosts ?? ranks, in: 1...ranks)
    guard ranks % hosts == 0 else {
      throw Self.wrong("--hosts", wanted: "a number that divides the \(ranks) ranks", found: "\(hosts)")
    }
    var line: LinkLine?
    if let bandwidth, let latency {
      guard let rate = LinkText.bytesPerSecond(bandwidth) else {
        throw Self.wrong("--bandwidth", wanted: LinkText.rateWording, found: "'\(bandwidth)'")
      }
      guard let delay = LinkText.seconds(latency) else {
        throw Self.wrong("--latency", wanted: LinkText.delayWording, found: "'\(latency)'")
      }
      line = LinkLine(latencySeconds: delay, bytesPerSecond: rate)
    } else if job.communicator.size == 1 && ranks > 1 {
      throw ConfigError(
        path: "--ranks",
        problem: .invalid(
          "needs a link: give --bandwidth and --latency, or start with mpirun to have it measured between its ranks"))
    }
    return Request(ranks: ranks, hosts: hosts, threads: threads, line: line, computeSeconds: computeSeconds)
  }

  private static func wrong(_ option: String, wanted: String, found: String) -> ConfigError {
    ConfigError(path: option, problem: .wrongValue(wanted: wanted, found: found))
  }
}
