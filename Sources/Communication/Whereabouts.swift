import Compute
import Synchronization

/// What a rank is doing, for the sentence that explains a stall:
/// `rank 3 (node07) in data.next for 41 s; ranks 0-2 wait in gradients bucket 2`.
///
/// The thread that trains says what it goes about with `enter`; the collective under way is noted by the communicator.
public final class Whereabouts: Sendable {
  /// One thing that a rank does, and since when.
  package struct Position: Sendable, Equatable, Codable {
    package var place: String
    package var duration: Duration
    package var isCollective: Bool
    /// The training step, counted from 1, where there is one.
    package var step: Int?

    package init(place: String, duration: Duration, isCollective: Bool, step: Int? = nil) {
      (self.place, self.duration, self.isCollective, self.step) = (place, duration, isCollective, step)
    }
  }

  /// What is known of a rank.
  package enum News: Sendable, Equatable {
    case heard(Position)
    /// Where it was last, and for how long nothing has come from it; nil for what is not known.
    case silent(place: String?, Duration?)
    case finished
  }

  private struct State {
    var activity = "start"
    var step: Int?
    var activitySince = Moment.now
    var collective: String?
    var collectiveSince = Moment.now
  }

  private let state = Mutex(State())

  init() {}

  /// Notes that the rank now goes about `activity`, such as `data.next` or `backward`.
  /// - Parameter step: the training step, counted from 1; without one that of the last call is kept.
  public func enter(_ activity: String, step: Int? = nil) {
    let step = state.withLock {
      $0.activity = activity
      $0.activitySince = .now
      $0.step = step ?? $0.step
      return $0.step
    }
    LastWords.enter(activity, step: step)
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
        return Position(
          place: collective, duration: Moment.now.since($0.collectiveSince), isCollective: true, step: $0.step)
      }
      return Position(
        place: $0.activity, duration: Moment.now.since($0.activitySince), isCollective: false, step: $0.step)
    }
  }

  /// One sentence for all ranks: those that are silent or outside any collective first, then those that wait.
  package static func sentence(_ news: [News], hostNames: [String]) -> String {
    func title(_ rank: Int) -> String { "rank \(rank) (\(hostNames[rank]))" }
    var late: [String] = []
    var waiting: [(collective: String, ranks: [Int])] = []
    for (rank, news) in news.enumerated() {
      switch news {
      case .finished: late.append("\(title(rank)) has finished")
      case .silent(let place, let duration):
        let since = duration.map { " silent for \($0.inSeconds)" } ?? " not heard of yet"
        late.append(title(rank) + since + (place.map { ", last in \($0)" } ?? ""))
      case .heard(let position) where !position.isCollective:
        late.append("\(title(rank)) in \(position.place) for \(position.duration.inSeconds)")
      case .heard(let position):
        if let index = waiting.firstIndex(where: { $0.collective == position.place }) {
          waiting[index].ranks.append(rank)
        } else {
          waiting.append((position.place, [rank]))
        }
      }
    }
    return (late + waiting.map { collective, ranks in
      let subject = ranks.count == 1 ? "\(title(ranks[0])) waits" : "ranks \(list(ranks)) wait"
      return "\(subject) in \(collective)"
    }).joined(separator: "; ")
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
