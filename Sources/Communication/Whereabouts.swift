import Synchronization

/// What a rank is doing, for the sentence that explains a stall:
/// `rank 3 (node07) in data.next for 41 s; ranks 0-2 wait in gradients bucket 2`.
///
/// The thread that trains says what it goes about with `enter`; the collective under way is noted by the communicator.
public final class Whereabouts: Sendable {
  /// One thing that a rank does, and since when.
  struct Position: Sendable, Equatable {
    var place: String
    var duration: Duration
    var isCollective: Bool
  }

  private struct State {
    var activity = "start"
    var activitySince = Moment.now
    var collective: String?
    var collectiveSince = Moment.now
  }

  private let state = Mutex(State())

  init() {}

  /// Notes that the rank now goes about `activity`, such as `data.next` or `backward`.
  public func enter(_ activity: String) {
    state.withLock {
      $0.activity = activity
      $0.activitySince = .now
    }
  }

  func enter(collective: String?) {
    state.withLock {
      // The rounds of one collective count as one stay.
      if let collective, $0.collective != collective { $0.collectiveSince = .now }
      $0.collective = collective
    }
  }

  var position: Position {
    state.withLock {
      if let collective = $0.collective {
        return Position(place: collective, duration: Moment.now.since($0.collectiveSince), isCollective: true)
      }
      return Position(place: $0.activity, duration: Moment.now.since($0.activitySince), isCollective: false)
    }
  }

  /// One sentence for all ranks, the ones outside any collective first; nil stands for a rank that does not answer.
  static func sentence(_ positions: [Position?], hostNames: [String]) -> String {
    func title(_ rank: Int) -> String { "rank \(rank) (\(hostNames[rank]))" }
    var parts: [String] = []
    for (rank, position) in positions.enumerated() {
      guard let position else {
        parts.append("\(title(rank)) does not answer")
        continue
      }
      if !position.isCollective {
        parts.append("\(title(rank)) in \(position.place) for \(position.duration.inSeconds)")
      }
    }
    var waiting: [(collective: String, ranks: [Int])] = []
    for (rank, position) in positions.enumerated() {
      guard let position, position.isCollective else { continue }
      if let index = waiting.firstIndex(where: { $0.collective == position.place }) {
        waiting[index].ranks.append(rank)
      } else {
        waiting.append((position.place, [rank]))
      }
    }
    for (collective, ranks) in waiting {
      let subject = ranks.count == 1 ? "\(title(ranks[0])) waits" : "ranks \(list(ranks)) wait"
      parts.append("\(subject) in \(collective)")
    }
    return parts.joined(separator: "; ")
  }

  /// `0-2, 5`
  private static func list(_ ranks: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for rank in ranks {
      if let last = ranges.last, last.upperBound == rank - 1 {
        ranges[ranges.count - 1] = last.lowerBound...rank
      } else {
        ranges.append(rank...rank)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ", ")
  }
}
