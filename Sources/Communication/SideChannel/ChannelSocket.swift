import Glibc

/// A connected TCP socket of the side channel: whole messages in and out, without ever waiting.
final class ChannelSocket {
  /// Messages that a broken link keeps back; what would exceed it is dropped, since newer ones say more.
  private static let backlogBytes = 1 << 16

  let descriptor: Int32
  private var incoming: [UInt8] = []
  private var outgoing: [UInt8] = []
  /// Whether the other side has closed the connection, or spoken garbage.
  private(set) var isClosed = false

  /// Takes over a connected `descriptor`.
  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit { close(descriptor) }

  /// Whether bytes wait for the other side to take them.
  var hasBacklog: Bool { !outgoing.isEmpty }

  func send(_ frame: ChannelFrame) {
    guard outgoing.count < Self.backlogBytes else { return }
    outgoing += frame.bytes
    flush()
  }

  func flush() {
    while !outgoing.isEmpty && !isClosed {
      let count = outgoing.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count > 0 {
        outgoing.removeFirst(count)
      } else if errno == EAGAIN {
        return
      } else if errno != EINTR {
        isClosed = true
      }
    }
  }

  /// The messages that have come.
  func receive() -> [ChannelFrame] {
    var block = [UInt8](repeating: 0, count: 4096)
    while !isClosed {
      let count = recv(descriptor, &block, block.count, 0)
      if count > 0 {
        incoming += block[..<count]
      } else if count < 0 && errno == EINTR {
        continue
      } else {
        isClosed = count == 0 || errno != EAGAIN
        break
      }
    }
    var frames: [ChannelFrame] = []
    do {
      while let frame = try ChannelFrame(from: &incoming) { frames.append(frame) }
    } catch { isClosed = true }
    return frames
  }
}

/// Waits until one of `descriptors` can be read (or, where `writing` says so, written), at most `milliseconds`.
func pollChannels(_ descriptors: [(descriptor: Int32, writing: Bool)], milliseconds: Int32) {
  var polled = descriptors.map {
    pollfd(fd: $0.descriptor, events: Int16(POLLIN) | ($0.writing ? Int16(POLLOUT) : 0), revents: 0)
  }
  poll(&polled, nfds_t(polled.count), milliseconds)
}
