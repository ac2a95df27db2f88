import Compute
import Graphs
import Pictures

/// What each of some positions takes from each of some keys, in groups that do not know of each other: the mean over
/// the heads.
struct Relation {
  let groups: Int
  let positions: Int
  let keys: Int
  private let heads: Int
  private let summaries: Int
  private let view: TensorView

  /// - Parameters:
  ///   - view: `[groups, positions, keys]` or `[groups, heads, positions, keys]`; `nil` for anything else.
  ///   - summaries: the first positions and keys that are none.
  init?(_ view: TensorView, behind summaries: Int = 0) {
    let rank = view.shape.rank
    guard rank == 3 || rank == 4 else { return nil }
    self.summaries = summaries
    (groups, positions, keys) = (view.shape[0], view.shape[rank - 2] - summaries, view.shape[rank - 1] - summaries)
    guard positions > 0, keys > 0 else { return nil }
    heads = rank == 4 ? view.shape[1] : 1
    self.view = view
  }

  /// What one position takes.
  func row(_ group: Int, _ position: Int) -> [Float] {
    (0..<keys).map { key in
      let sum = (0..<heads).reduce(0.0) {
        let row = (group * heads + $1) * (positions + summaries) + summaries + position
        return $0 + Double(view[row * (keys + summaries) + summaries + key])
      }
      return Float(sum / Double(heads))
    }
  }

  /// What the positions of each frame take from the keys of each frame, both lying frame after frame: the mean over
  /// groups and positions of the sum over keys.
  func overTime(frames: Int) -> HeatMap {
    let each = positions / frames, keysOfFrame = keys / frames
    var sums = [Double](repeating: 0, count: frames * frames)
    for group in 0..<groups {
      for position in 0..<positions {
        for (key, value) in row(group, position).enumerated() {
          sums[position / each * frames + key / keysOfFrame] += Double(value)
        }
      }
    }
    return HeatMap(rows: frames, columns: frames, values: sums.map { Float($0 / Double(groups * each)) })
  }
}

extension Observation {
  /// Of gates `[frames, H, W, C]`: their means for each channel and for each frame.
  static func gateOfClip(_ path: String, _ view: TensorView) -> [Observation] {
    let frames = view.shape[0], channels = view.shape[3], each = view.count / frames
    var overFrames = [Double](repeating: 0, count: channels), ofFrames = [Double](repeating: 0, count: frames)
    for index in 0..<view.count {
      overFrames[index % channels] += Double(view[index]) / Double(view.count / channels)
      ofFrames[index / each] += Double(view[index]) / Double(each)
    }
    return (channels > 1 ? [Observation(path: path, content: .channels(overFrames.map { Float($0) }))] : [])
      + [Observation(path: path, content: .frames(ofFrames.map { Float($0) }))]
  }

  /// The mean over the places.
  static func relationInTime(_ path: String, _ view: TensorView, frames: Int) -> [Observation] {
    guard frames > 1, let relation = Relation(view), relation.positions == frames, relation.keys == frames else {
      return []
    }
    return [Observation(path: path, content: .frameAttention(relation.overTime(frames: frames)))]
  }

  /// Frame by frame, and where the clip is one zone also the row of the position in the middle of the middle frame.
  static func relationInClip(_ path: String, _ view: TensorView, aspect: Double, frames: Int) -> [Observation] {
    guard frames > 1, let relation = Relation(view), relation.positions % frames == 0, relation.keys % frames == 0
    else { return [] }
    var result = [Observation(path: path, content: .frameAttention(relation.overTime(frames: frames)))]
    let each = relation.positions / frames, keys = relation.keys / frames
    if relation.groups == 1, let from = grid(each, aspect: aspect), let to = grid(keys, aspect: aspect) {
      let row = relation.row(0, frames / 2 * each + from.rows / 2 * from.columns + from.columns / 2)
      let maps = (0..<frames).map { frame in
        HeatMap(rows: to.rows, columns: to.columns, values: Array(row[frame * keys..<(frame + 1) * keys]))
      }
      result.append(Observation(path: path, content: .clipAttention(maps, isOfMiddleFrame: true)))
    }
    return result
  }
}
