import Foundation
import Testing

/// Several hosts on one machine (`Tests/Hosts/hosts`): network namespaces `h1`, `h2`, … with an address and a host name
/// each, joined by a bridge, so that whatever happens between machines can be made to happen: links are cut and choked.
///
/// Needs root, `ip` and `tc`; where the kernel refuses, `reason` says so and the tests that want hosts are skipped.
final class NetworkHosts {
  let count: Int
  private let name: String
  private static let script = Pictures.repository + "/Tests/Hosts/hosts"

  /// Why there can be no such hosts here; nil where there can.
  static let reason: String? = {
    guard Program.hasMPIRun else { return "mpirun is not installed" }
    guard geteuid() == 0 else { return "network namespaces are root's to make" }
    do {
      let hosts = try NetworkHosts(1)
      try hosts.run("shape", "1gbit")
      return nil
    } catch { return "\(error)" }
  }()

  init(_ count: Int) throws {
    self.count = count
    name = "t\(getpid() % 100_000)x\(UInt16.random(in: 0...UInt16.max))"
    try run("make", "\(count)")
  }

  deinit { try? run("remove") }

  /// Takes the link of `host` (1 …) down.
  func cut(_ host: Int) throws { try run("on", "h0", "ip", "link", "set", "port\(host)", "down") }

  /// Lets next to nothing through to and from `host`, though the link stays up.
  func choke(_ host: Int) throws {
    for (space, device) in [("h\(host)", "eth0"), ("h0", "port\(host)")] {
      let rate = ["rate", "8bit", "burst", "1600", "latency", "1s"]
      try run(["on", space, "tc", "qdisc", "replace", "dev", device, "root", "tbf"] + rate)
    }
  }

  /// Lets `host` answer no more call.
  func lose(_ host: Int) throws { try Data().write(to: URL(fileURLWithPath: "/tmp/hosts-\(name)/gone-h\(host)")) }

  /// `command` on the first host, where Open MPI finds the others.
  func onFirstHost(_ command: [String]) -> [String] { [Self.script, "on", name, "h1"] + command }

  /// What starts a program with `ranks` ranks, spread evenly over the hosts.
  func launcher(ranks: Int) -> [String] {
    let list = (1...count).map { "h\($0):\(ranks / count)" }.joined(separator: ",")
    return onFirstHost([
      "mpirun", "-q", "-n", "\(ranks)", "--host", list, "--oversubscribe", "--bind-to", "none",
    ])
  }

  private func run(_ words: String...) throws { try run(words) }

  /// Runs the script; `words` are a verb and what follows the name.
  private func run(_ words: [String]) throws {
    let ending = try Program.start(command: [Self.script, words[0], name] + words.dropFirst()).end(within: 30)
    guard ending.code == 0 else { throw Refusal(description: "\(words.joined(separator: " ")): \(ending.errors)") }
  }

  struct Refusal: Error, CustomStringConvertible { let description: String }
}
