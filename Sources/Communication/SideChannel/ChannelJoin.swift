import Foundation
import Glibc

/// How the ranks find each other for the side channel: rank 0 listens for a moment, its address and a token that nobody
/// can guess travel over MPI, the others connect and show the token.
///
/// Nothing listens once the job runs: the listening socket lives until the last rank is there, at most `patience`, and is
/// bound to the loopback address where all ranks share a host. A visitor without the token is dropped.
enum ChannelJoin {
  /// What rank 0 tells the others.
  struct Invitation: Codable {
    var addresses: [String] = []
    var port: UInt16 = 0
    var token = ""
  }

  static let patience = Duration.seconds(10)

  /// The socket to every other rank on rank 0, to rank 0 on the others; empty where no channel could be made, because of
  /// a firewall or for want of sockets. Collective.
  static func join(over communicator: MPICommunicator) throws -> [Int: ChannelSocket] {
    guard communicator.size > 1 else { return [:] }
    let isLocal = Set(try communicator.allGather("side channel", place())).count == 1
    let listener = communicator.rank == 0 ? listen(onlyHere: isLocal) : nil
    defer { if let listener { close(listener.descriptor) } }
    let own = listener?.invitation ?? Invitation()
    let text = try communicator.broadcast("side channel", Array(try JSONEncoder().encode(own)))
    let invitation = try JSONDecoder().decode(Invitation.self, from: Data(text))
    guard invitation.port != 0 else { return [:] }

    var sockets: [Int: ChannelSocket] = [:]
    if let listener {
      sockets = accept(listener.descriptor, token: invitation.token, others: communicator.size - 1)
    } else if let socket = connect(invitation, rank: communicator.rank) {
      sockets[0] = socket
    }
    // All or none: a channel that knows half of the ranks would call the others dead.
    let wanted = communicator.rank == 0 ? communicator.size - 1 : 1
    let isComplete = try communicator.allReduce("side channel", sockets.count == wanted ? 1 : 0, .min) > 0
    return isComplete ? sockets : [:]
  }

  /// What processes have in common that reach each other by the loopback address: the machine's start and its network.
  private static func place() -> [UInt8] {
    let start = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    let network = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
    return Array("\(start ?? "") \(network ?? "") \(currentHostName())".utf8)
  }

  private static func listen(onlyHere: Bool) -> (descriptor: Int32, invitation: Invitation)? {
    let addresses = onlyHere ? ["127.0.0.1"] : ownAddresses()
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0, !addresses.isEmpty else { return nil }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = onlyHere ? UInt32(0x7F00_0001).bigEndian : 0
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && Glibc.listen(descriptor, 4096) == 0
          && getsockname(descriptor, $0, &length) == 0
      }
    }
    var random = SystemRandomNumberGenerator()
    let token = (0..<4).map { _ in String(random.next(), radix: 16) }.joined(separator: "-")
    guard isListening else {
      close(descriptor)
      return nil
    }
    return (descriptor, Invitation(addresses: addresses, port: UInt16(bigEndian: address.sin_port), token: token))
  }

  /// This host's IPv4 addresses, without the loopback.
  private static func ownAddresses() -> [String] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return [] }
    defer { freeifaddrs(first) }
    var addresses: [String] = [], next = first
    while let entry = next?.pointee {
      next = entry.ifa_next
      guard let address = entry.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET),
        entry.ifa_flags & UInt32(IFF_LOOPBACK) == 0
      else { continue }
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      let length = socklen_t(MemoryLayout<sockaddr_in>.size)
      if getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 {
        addresses.append(String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
      }
    }
    return addresses
  }

  /// The ranks that come and show the token, until all are there.
  private static func accept(_ listener: Int32, token: String, others: Int) -> [Int: ChannelSocket] {
    _ = fcntl(listener, F_SETFL, O_NONBLOCK)
    let end = Moment.now.advanced(by: patience)
    var visitors: [ChannelSocket] = [], ranks: [Int: ChannelSocket] = [:]
    while ranks.count < others && Moment.now < end {
      pollChannels([(listener, false)] + visitors.map { ($0.descriptor, false) }, milliseconds: 100)
      while case let descriptor = Glibc.accept(listener, nil, nil), descriptor >= 0 {
        visitors.append(ChannelSocket(descriptor))
      }
      for visitor in visitors {
        guard let hello = visitor.receive().first else { continue }
        let rank = Int(hello.code)
        let isWelcome = hello.kind == .hello && hello.text == token && (1...others).contains(rank)
        if isWelcome && ranks[rank] == nil { ranks[rank] = visitor }
        visitors.removeAll { $0 === visitor }
      }
      visitors.removeAll { $0.isClosed }
    }
    return ranks
  }

  private static func connect(_ invitation: Invitation, rank: Int) -> ChannelSocket? {
    for address in invitation.addresses {
      guard let descriptor = connect(to: address, port: invitation.port) else { continue }
      let socket = ChannelSocket(descriptor)
      socket.send(ChannelFrame(.hello, code: Int32(rank), invitation.token))
      if !socket.isClosed { return socket }
    }
    return nil
  }

  /// A connection that is made within two seconds.
  private static func connect(to address: String, port: UInt16) -> Int32? {
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = port.bigEndian
    guard inet_pton(AF_INET, address, &place.sin_addr) == 1 else { return nil }
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafePointer(to: &place) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, length) }
    }
    var error: Int32 = 0, size = socklen_t(MemoryLayout<Int32>.size)
    if status != 0 && errno == EINPROGRESS {
      var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      let isReady = poll(&polled, 1, 2000) == 1
      if isReady { getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) }
      if isReady && error == 0 { return descriptor }
    } else if status == 0 {
      return descriptor
    }
    close(descriptor)
    return nil
  }
}
