import Compute
import Foundation
import Synchronization

/// A second way between the ranks, beside MPI: where each is, which has failed, which is gone.
///
/// Every rank says twice a second to rank 0 where it is, from a thread of its own, so that it is heard while MPI waits,
/// and missed within seconds when its process or link is gone. Rank 0 tells of a stall before the deadline ends the job,
/// and is the one place where the end of a job gets its sentence: the first failure counts, and is said once.
public final class SideChannel: @unchecked Sendable {
  static let interval = Duration.milliseconds(500)
  /// How long a rank that has told rank 0 of its failure waits for the end, before it speaks itself.
  private static let patience = Duration.seconds(2)
  /// Beyond the deadline, so that the collective that waits speaks first: it knows more.
  private static let margin = Duration.seconds(3)

  private let rank: Int
  private let hostNames: [String]
  private let whereabouts: Whereabouts
  private let sockets: [Int: ChannelSocket]
  /// Says a line to whoever looks at the job.
  private let say: @Sendable (String) -> Void
  /// Ends the job with a code; told whether a host is out of reach.
  private let end: @Sendable (Int32, Bool) -> Void
  private let monitor = Monitor()
  private var table: RankTable
  private var thread: JoinedThread?
  private var isClosing = false
  private var isEnding = false
  /// Ranks that want to know where everybody is, and until when they wait for fresh news.
  private var askers: [Int] = []
  private var asked = Moment.now
  private var answer: String?
  private let deadlineNanoseconds = Atomic<Int>(300_000_000_000)

  /// The longest that a collective may last.
  var deadline: Duration {
    get { .nanoseconds(deadlineNanoseconds.load(ordering: .relaxed)) }
    set { deadlineNanoseconds.store(newValue.wholeNanoseconds, ordering: .relaxed) }
  }

  init(
    rank: Int, hostNames: [String], whereabouts: Whereabouts, sockets: [Int: ChannelSocket],
    say: @escaping @Sendable (String) -> Void, end: @escaping @Sendable (Int32, Bool) -> Void
  ) {
    (self.rank, self.hostNames, self.whereabouts, self.sockets) = (rank, hostNames, whereabouts, sockets)
    (self.say, self.end) = (say, end)
    table = RankTable(hostNames: hostNames)
    thread = JoinedThread(name: "side channel") { [unowned self] in
      while monitor.run({ !isClosing }) { turn() }
    }
  }

  /// Says goodbye and ends the thread: this rank is done, or will say itself why it ends.
  func leave() {
    monitor.run {
      if isClosing { return }
      isClosing = true
      for socket in sockets.values { socket.send(ChannelFrame(.goodbye)) }
    }
    thread?.join()
  }

  /// Where everybody is, in a sentence; nil when rank 0 does not answer.
  func everybody() -> String? {
    monitor.run {
      answer = nil
      if rank == 0 { ask(for: 0) } else { sockets[0]?.send(ChannelFrame(.question)) }
      let end = Moment.now.advanced(by: Self.patience)
      while answer == nil && Moment.now < end { monitor.wait(until: end) }
      return answer
    }
  }

  /// Has rank 0 say `sentence`, unless another failure came first, and end the job. Returns when nobody did.
  func fail(_ sentence: String, code: Int32) {
    let isLast = monitor.run {
      if rank == 0 { return conclude(sentence, code: code) }
      sockets[0]?.send(ChannelFrame(.failure, code: code, sentence))
      return true
    }
    guard isLast else { return sleep(for: .unlimited) }
    if rank != 0 {
      sleep(for: Self.patience)
      if monitor.run({ !table.rows[0].isDone }) { say(sentence) }
      end(code, false)
    }
  }

  private func sleep(for duration: Duration) {
    let end = Moment.now.advanced(by: duration)
    monitor.run { while Moment.now < end { monitor.wait(until: end) } }
  }

  /// The bytes that a dying process may still write to `descriptor`, so that its end is not told twice.
  var lastMessage: (descriptor: Int32, bytes: [UInt8])? {
    sockets[0].map { ($0.descriptor, ChannelFrame(.spoken).bytes) }
  }

  // MARK: On the channel's thread

  private func turn() {
    let (open, isAsked) = monitor.run {
      if !isClosing { speak() }
      let open = sockets.filter { !table.rows[$0.key].isDone }
      return (open.values.map { ($0.descriptor, $0.hasBacklog) }, !askers.isEmpty)
    }
    pollChannels(open, milliseconds: isAsked ? 20 : Int32(Self.interval.wholeNanoseconds / 1_000_000))
    monitor.run {
      if isClosing { return }
      for (peer, socket) in sockets where !table.rows[peer].isDone { listen(to: peer, socket) }
      if rank == 0 { watch() } else { watchFirstRank() }
    }
  }

  private func listen(to peer: Int, _ socket: ChannelSocket) {
    socket.flush()
    for frame in socket.receive() {
      table.hear(peer)
      switch frame.kind {
      case .position: table.hear(peer, try? JSONDecoder().decode(Whereabouts.Position.self, from: Data(frame.text.utf8)))
      case .ask: speak(isAsked: true)
      case .question: ask(for: peer)
      case .answer:
        answer = frame.text
        monitor.broadcast()
      case .failure: _ = conclude(frame.text, code: frame.code)
      case .spoken:
        table.finish(peer)
        _ = conclude(nil, code: 1)
      case .goodbye: table.finish(peer)
      case .hello: break
      }
    }
    if socket.isClosed && !table.rows[peer].isDone {
      table.finish(peer)
      lose(peer, "ended without a word: killed, or out of memory?")
    }
  }

  private var lastSpoken = Moment(nanoseconds: 0)

  private func speak(isAsked: Bool = false) {
    let now = Moment.now
    guard isAsked || now.since(lastSpoken) >= Self.interval else { return }
    lastSpoken = now
    table.hear(rank, whereabouts.position)
    let text = (try? JSONEncoder().encode(whereabouts.position)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    for (peer, socket) in sockets where !table.rows[peer].isDone { socket.send(ChannelFrame(.position, text)) }
  }

  private func ask(for peer: Int) {
    if askers.isEmpty {
      asked = .now
      for socket in sockets.values { socket.send(ChannelFrame(.ask)) }
    }
    askers.append(peer)
  }

  /// Rank 0: answers who asks, tells of stalls, misses the silent.
  private func watch() {
    let now = Moment.now
    if !askers.isEmpty {
      table.hear(0, whereabouts.position)
      let isFresh = table.rows.allSatisfy { $0.heard > asked || $0.isDone }
      if isFresh || now.since(asked) > Self.interval {
        let sentence = table.sentence()
        for peer in askers {
          if peer == 0 { answer = sentence } else { sockets[peer]?.send(ChannelFrame(.answer, sentence)) }
        }
        askers = []
        monitor.broadcast()
      }
    }
    let threshold = min(deadline / 4, .seconds(30))
    if !isEnding, let stall = table.stall(threshold: threshold, deadline: deadline) { say("warning: \(stall)") }
    for peer in sockets.keys where !table.rows[peer].isDone && now.since(table.rows[peer].heard) > deadline + Self.margin {
      table.finish(peer)
      lose(peer, "has been silent for \(now.since(table.rows[peer].heard).inSeconds)")
    }
  }

  /// The others: a job whose rank 0 is gone has nobody left to end it.
  private func watchFirstRank() {
    let silent = Moment.now.since(table.rows[0].heard)
    if !table.rows[0].isDone && silent > deadline + Self.margin {
      table.finish(0)
      lose(0, "has been silent for \(silent.inSeconds)")
    }
  }

  private func lose(_ peer: Int, _ what: String) {
    let row = table.rows[peer]
    let step = row.position?.step.map { ", step \($0)" } ?? ""
    let place = row.position.map { ", in \($0.place)" } ?? ""
    let sentence = "error: rank \(peer) (\(hostNames[peer]))\(step)\(place): \(what)"
    guard peer == 0 else {
      _ = conclude(sentence, code: 1)
      return
    }
    if isEnding { return }
    isEnding = true
    // Everybody sees rank 0 go: the next one speaks, and the others only where it did not end them.
    monitor.released {
      if rank > 1 { usleep(6_000_000) }
      say(sentence)
      end(1, false)
    }
  }

  /// Rank 0: ends the job with `sentence`, said first. Returns false when it is ending already.
  private func conclude(_ sentence: String?, code: Int32) -> Bool {
    if isEnding { return false }
    isEnding = true
    // The others need not wonder where this rank has gone.
    for socket in sockets.values { socket.send(ChannelFrame(.goodbye)) }
    let isCutOff = sockets.keys.contains { hostNames[$0] != hostNames[0] && table.isSilent($0) }
    monitor.released {
      if let sentence { say(sentence) }
      end(code, isCutOff)
    }
    return true
  }
}
