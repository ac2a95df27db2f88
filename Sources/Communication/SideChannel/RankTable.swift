/// What rank 0 knows of every rank: where it is, when it was last heard of, whether it is still there.
package struct RankTable {
  struct Row {
    /// What the rank said last; nil before its first word.
    var position: Whereabouts.Position?
    var heard: Moment
    var isDone = false
  }

  /// A rank that says nothing for this long is called silent: four of its intervals.
  static let silence = Duration.seconds(2)

  let hostNames: [String]
  private(set) var rows: [Row]
  private var lastStall = 0

  package init(hostNames: [String], now: Moment = .now) {
    self.hostNames = hostNames
    rows = hostNames.map { _ in Row(heard: now) }
  }

  package mutating func hear(_ rank: Int, _ position: Whereabouts.Position? = nil, now: Moment = .now) {
    rows[rank].heard = now
    if let position { rows[rank].position = position }
  }

  package mutating func finish(_ rank: Int) { rows[rank].isDone = true }

  func isSilent(_ rank: Int, now: Moment = .now) -> Bool {
    !rows[rank].isDone && now.since(rows[rank].heard) > Self.silence
  }

  /// Where everybody is, in one sentence: the silent ranks, those outside any collective, those that wait.
  package func sentence(now: Moment = .now) -> String {
    let news = rows.map { row -> Whereabouts.News in
      let silent = now.since(row.heard)
      if row.isDone { return .finished }
      guard let position = row.position else { return .silent(place: nil, silent > Self.silence ? silent : nil) }
      if silent > Self.silence { return .silent(place: position.place, silent) }
      var current = position
      current.duration += silent
      return .heard(current)
    }
    return Whereabouts.sentence(news, hostNames: hostNames)
  }

  /// The ranks, with the time, that have stood in one collective for the longest.
  private func longestWait(now: Moment) -> (collective: String, duration: Duration)? {
    rows.compactMap { row -> (String, Duration)? in
      guard let position = row.position, position.isCollective, !row.isDone else { return nil }
      return (position.place, position.duration + now.since(row.heard))
    }.max { $0.1 < $1.1 }
  }

  /// A sentence when a collective has lasted for `threshold`, and again at 2, 4, 8 … times that.
  /// - Parameter deadline: when the job ends for it.
  package mutating func stall(threshold: Duration, deadline: Duration, now: Moment = .now) -> String? {
    guard let wait = longestWait(now: now), wait.duration >= threshold else {
      lastStall = 0
      return nil
    }
    var level = 1
    while wait.duration >= threshold * (1 << level) { level += 1 }
    guard level > lastStall else { return nil }
    lastStall = level
    return "`\(wait.collective)` has lasted \(wait.duration.inSeconds): \(sentence(now: now)); "
      + "the job ends when it has lasted \(deadline.inSeconds)"
  }
}
