import Compute
import Foundation
import Graphs
import Pictures

/// What one module of a network did with one picture or clip, brought to what can be drawn.
public struct Observation: Hashable, Sendable {
  public enum Content: Hashable, Sendable {
    /// A gate's factor for each channel; the mean over the places where it differs from place to place.
    case channels([Float])
    /// A gate's factor for each place; the mean over the channels where it differs from channel to channel.
    case places(HeatMap)
    /// The share that each place has, for the whole picture or for the position in its middle.
    case attention(HeatMap, isOfCentre: Bool)
    /// Of a clip: the share that each place of each frame has for the position in the middle of that frame, or for the
    /// one in the middle of the clip's middle frame.
    case clipAttention([HeatMap], isOfMiddleFrame: Bool)
    /// The share that each frame, a column, has for each frame, a row: the mean over what the places of the one take
    /// from those of the other.
    case frameAttention(HeatMap)
    /// A gate's factor for each frame: the mean over channels and places.
    case frames([Float])
    /// Numbers of named parts: weights that depend on the picture, or trained factors that do not.
    case parts(title: String, names: [String], values: [Float], areTrained: Bool)
  }

  /// The module's path.
  public let path: String
  public let content: Content

  package init(path: String, content: Content) {
    self.path = path
    self.content = content
  }

  /// What a network's marks hold after it has seen one picture or the frames of one clip.
  /// - Parameters:
  ///   - aspect: the picture's height divided by its width: positions without a grid of their own are laid out like it.
  ///   - frames: of the clip; 1 for a picture.
  package static func all(
    _ marks: [(sighting: Sighting, view: TensorView)], aspect: Double, frames: Int = 1
  ) -> [Observation] {
    var result: [Observation] = []
    for (sighting, view) in marks {
      switch sighting.sight {
      case .features: continue
      case .gate: result += gate(sighting.path, view, frames: frames)
      case .attention: result += attention(sighting.path, view)
      case .relation: result += relation(sighting.path, view, aspect: aspect, frames: frames)
      case .relationBehindSummary:
        result += relation(sighting.path, view, behind: 1, aspect: aspect, frames: frames)
      case .relationInTime: result += relationInTime(sighting.path, view, frames: frames)
      case .relationInClip: result += relationInClip(sighting.path, view, aspect: aspect, frames: frames)
      case .weights(let title, let parts): result += weights(sighting.path, title, parts, view)
      case .factor(let title, let name):
        var (names, values) = ([name], [view[0]])
        if let last = result.last, last.path == sighting.path,
          case .parts(title, let otherNames, let others, areTrained: true) = last.content
        {
          (names, values) = (otherNames + names, others + values)
          result.removeLast()
        }
        let content = Content.parts(title: title, names: names, values: values, areTrained: true)
        result.append(Observation(path: sighting.path, content: content))
      }
    }
    return result
  }

  private static func gate(_ path: String, _ view: TensorView, frames: Int) -> [Observation] {
    guard view.shape.rank == 4, view.shape[0] == frames else { return [] }
    if frames > 1 { return gateOfClip(path, view) }
    let (rows, columns, channels) = (view.shape[1], view.shape[2], view.shape[3]), places = rows * columns
    var overChannels = [Double](repeating: 0, count: places), overPlaces = [Double](repeating: 0, count: channels)
    for place in 0..<places {
      for channel in 0..<channels {
        let value = Double(view[place * channels + channel])
        overChannels[place] += value / Double(channels)
        overPlaces[channel] += value / Double(places)
      }
    }
    // One row or column of gates, as of coordinate attention, says for which axis it is.
    let axis = places == 1 || (rows > 1 && columns > 1) ? "" : columns == 1 ? ", rows" : ", columns"
    let map = HeatMap(rows: rows, columns: columns, values: overChannels.map { Float($0) })
    return (channels > 1 ? [Observation(path: path + axis, content: .channels(overPlaces.map { Float($0) }))] : [])
      + (places > 1 || channels == 1 ? [Observation(path: path + axis, content: .places(map))] : [])
  }

  private static func attention(_ path: String, _ view: TensorView) -> [Observation] {
    guard view.shape.rank == 4, view.shape[0] == 1 else { return [] }
    let maps = view.shape[3]
    let values = (0..<view.shape[1] * view.shape[2]).map { place in
      Float((0..<maps).reduce(0.0) { $0 + Double(view[place * maps + $1]) } / Double(maps))
    }
    let map = HeatMap(rows: view.shape[1], columns: view.shape[2], values: values)
    return [Observation(path: path, content: .attention(map, isOfCentre: false))]
  }

  /// The row of the position in the middle, its mean over the heads; of a clip, one for each frame.
  private static func relation(
    _ path: String, _ view: TensorView, behind summaries: Int = 0, aspect: Double, frames: Int
  ) -> [Observation] {
    guard let relation = Relation(view, behind: summaries), relation.groups == frames,
      let from = grid(relation.positions, aspect: aspect), let to = grid(relation.keys, aspect: aspect)
    else { return [] }
    let centre = from.rows / 2 * from.columns + from.columns / 2
    let maps = (0..<frames).map { frame in
      HeatMap(rows: to.rows, columns: to.columns, values: relation.row(frame, centre))
    }
    return [
      Observation(
        path: path,
        content: frames > 1
          ? .clipAttention(maps, isOfMiddleFrame: false) : .attention(maps[0], isOfCentre: true))
    ]
  }

  private static func weights(_ path: String, _ title: String, _ parts: [String], _ view: TensorView) -> [Observation] {
    guard !parts.isEmpty, view.count % parts.count == 0 else { return [] }
    let each = view.count / parts.count
    let values = parts.indices.map { part in
      Float((0..<each).reduce(0.0) { $0 + Double(view[part * each + $1]) } / Double(each))
    }
    return [Observation(path: path, content: .parts(title: title, names: parts, values: values, areTrained: false))]
  }

  /// The rows and columns of `count` positions whose ratio is nearest to the picture's; `nil` where none is near.
  package static func grid(_ count: Int, aspect: Double) -> (rows: Int, columns: Int)? {
    func distance(_ rows: Int) -> Double { abs(log(Double(rows * rows) / Double(count) / aspect)) }
    let rows = (1...max(1, count)).lazy.filter { count % $0 == 0 }.min { distance($0) < distance($1) }
    guard let rows, distance(rows) < log(1.5) else { return nil }
    return (rows, count / rows)
  }
}
