import Foundation
import Testing

/// Several hosts on one machine: network namespaces `h1`, `h2`, … with an address and a host name each, joined by a
/// bridge, so that whatever happens between machines can be made to happen: links are shaped, cut and mended.
///
/// Open MPI starts ranks there through a stand-in for ssh that enters the namespace. Needs root, `ip` and `tc`; where the
/// kernel refuses, `reason` says so and the tests that want hosts are skipped.
final class NetworkHosts {
  let count: Int
  private let prefix: String
  private let folder: URL

  /// Why there can be no such hosts here; nil where there can.
  static let reason: String? = {
    guard Program.hasMPIRun else { return "mpirun is not installed" }
    guard geteuid() == 0 else { return "network namespaces are root's to make" }
    do {
      let hosts = try NetworkHosts(1, rate: "1gbit")
      _ = hosts
      return nil
    } catch { return "\(error)" }
  }()

  /// - Parameter rate: of each host's link, each way, as `tc` spells it, such as `1gbit`; nil leaves links as fast as the
  ///   machine makes them.
  init(_ count: Int, rate: String? = nil) throws {
    self.count = count
    prefix = "t\(getpid() % 100_000)x\(UInt16.random(in: 0...UInt16.max))-"
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("hosts-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let agent = """
      #!/bin/sh
      host=$1; shift
      [ ! -e "\(folder.path)/gone-$host" ] || exit 255
      exec ip netns exec "\(prefix)$host" unshare --uts sh -c 'hostname "$0" && exec sh -c "$*"' "$host" "$@"
      """
    try agent.write(to: folder.appendingPathComponent("agent"), atomically: true, encoding: .utf8)
    try Self.command("chmod +x \(folder.path)/agent")
    try Self.command("ip netns add \(prefix)h0")
    try Self.command("ip -n \(prefix)h0 link add br0 type bridge && ip -n \(prefix)h0 link set br0 up")
    for host in 1...count {
      let name = "\(prefix)h\(host)", port = "port\(host)"
      try Self.command("ip netns add \(name)")
      try Self.command("ip -n \(prefix)h0 link add \(port) type veth peer name eth0 netns \(name)")
      try Self.command("ip -n \(prefix)h0 link set \(port) master br0 up")
      try Self.command("ip -n \(name) addr add 10.77.0.\(host)/24 dev eth0")
      try Self.command("ip -n \(name) link set eth0 up && ip -n \(name) link set lo up")
    }
    if let rate { try shape(to: rate) }
  }

  deinit {
    for host in 0...count { try? Self.command("ip netns del \(prefix)h\(host)") }
    try? FileManager.default.removeItem(at: folder)
  }

  /// Lets every link carry `rate` each way.
  func shape(to rate: String) throws {
    for host in 1...count {
      for (space, device) in [("h\(host)", "eth0"), ("h0", "port\(host)")] {
        try Self.command("ip netns exec \(prefix)\(space) tc qdisc replace dev \(device) root tbf rate \(rate) burst 256kb latency 20ms")
      }
    }
  }

  /// Takes the link of `host` (1 …) down, or up again.
  func setLink(of host: Int, isUp: Bool) throws {
    try Self.command("ip -n \(prefix)h0 link set port\(host) \(isUp ? "up" : "down")")
  }

  /// Lets next to nothing through to and from `host`, though the link stays up.
  func choke(_ host: Int) throws {
    for (space, device) in [("h\(host)", "eth0"), ("h0", "port\(host)")] {
      try Self.command("ip netns exec \(prefix)\(space) tc qdisc replace dev \(device) root tbf rate 8bit burst 1600 latency 1s")
    }
  }

  /// Lets `host` answer no more call.
  func lose(_ host: Int) throws { try Data().write(to: folder.appendingPathComponent("gone-h\(host)")) }

  /// `command` on the first host, and the environment in which Open MPI there finds the others.
  func onFirstHost(_ command: [String]) -> (command: [String], environment: [String: String]) {
    let enter = ["ip", "netns", "exec", "\(prefix)h1", "unshare", "--uts", "sh", "-c", "hostname h1; exec \"$@\"", "sh"]
    return (
      enter + command,
      [
        "OMPI_MCA_plm_rsh_agent": folder.appendingPathComponent("agent").path, "OMPI_MCA_btl": "tcp,self,vader",
        "OMPI_MCA_btl_tcp_if_include": "eth0", "OMPI_MCA_oob_tcp_if_include": "eth0",
      ]
    )
  }

  /// What starts a program with `ranks` ranks, spread evenly over the hosts.
  func launcher(ranks: Int) -> [String] {
    let list = (1...count).map { "h\($0):\(ranks / count)" }.joined(separator: ",")
    return [
      "ip", "netns", "exec", "\(prefix)h1", "unshare", "--uts", "sh", "-c", "hostname h1; exec \"$@\"", "sh",
      "mpirun", "-q", "-n", "\(ranks)", "--host", list, "--oversubscribe", "--bind-to", "none",
      "--mca", "plm_rsh_agent", folder.appendingPathComponent("agent").path, "--mca", "btl", "tcp,self,vader",
      "--mca", "btl_tcp_if_include", "eth0", "--mca", "oob_tcp_if_include", "eth0",
    ]
  }

  private static func command(_ line: String) throws {
    let process = Process(), errors = Pipe()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", line]
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Refusal(description: "\(line): \(text)") }
  }

  struct Refusal: Error, CustomStringConvertible { let description: String }
}
