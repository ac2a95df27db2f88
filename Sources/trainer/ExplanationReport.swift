import Pictures
import Training

/// What `trainer predict --explain --json` prints of a picture or clip: every number that is drawn.
struct ExplanationReport: Encodable {
  /// Of a clip, that of its first frame.
  let file: String
  /// Of a clip, what is said of each frame.
  let frames: [Frame]?
  /// The class whose score is explained.
  let `class`: String
  let label: Int
  let probability: Double
  let logits: [Float]
  /// Rows of the last feature map; of a clip, its frames have theirs.
  let gradCam: [[Float]]?
  let modules: [Module]
  /// The drawing.
  let page: String

  /// One frame of a clip.
  struct Frame: Encodable {
    let file: String
    let probability: Double
    let logits: [Float]
    let gradCam: [[Float]]
  }

  /// What one module shows, of one kind.
  struct Module: Encodable {
    let path: String
    /// `channel_gate`, `spatial_gate`, `attention`, `attention_of_centre`, `weights` or `factors`; of a clip also
    /// `frame_gate`, `attention_over_time`, `attention_of_each_centre` and `attention_of_middle_frame`.
    let kind: String
    var title: String?
    var names: [String]?
    var values: [Float]?
    var map: [[Float]]?
    /// One for each frame.
    var maps: [[[Float]]]?
  }

  init(_ files: [String], _ explanation: Explanation, _ prediction: Prediction, page: String) {
    file = files[0]
    `class` = prediction.name(explanation.label)
    label = explanation.label
    probability = explanation.probabilities[explanation.label]
    logits = explanation.logits
    gradCam = files.count > 1 ? nil : Self.rows(explanation.frames[0].activation)
    frames = files.count == 1 ? nil : zip(files, explanation.frames).map { file, frame in
      Frame(
        file: file, probability: frame.probabilities[explanation.label], logits: frame.logits,
        gradCam: Self.rows(frame.activation))
    }
    modules = explanation.observations.map(Self.module)
    self.page = page
  }

  private static func module(_ observation: Observation) -> Module {
    switch observation.content {
    case .channels(let values): Module(path: observation.path, kind: "channel_gate", values: values)
    case .places(let map): Module(path: observation.path, kind: "spatial_gate", map: rows(map))
    case .attention(let map, let isOfCentre):
      Module(path: observation.path, kind: isOfCentre ? "attention_of_centre" : "attention", map: rows(map))
    case .clipAttention(let maps, let isOfMiddleFrame):
      Module(
        path: observation.path, kind: isOfMiddleFrame ? "attention_of_middle_frame" : "attention_of_each_centre",
        maps: maps.map(rows))
    case .frameAttention(let map): Module(path: observation.path, kind: "attention_over_time", map: rows(map))
    case .frames(let values): Module(path: observation.path, kind: "frame_gate", values: values)
    case .parts(let title, let names, let values, let areTrained):
      Module(
        path: observation.path, kind: areTrained ? "factors" : "weights", title: title, names: names, values: values)
    }
  }

  private static func rows(_ map: HeatMap) -> [[Float]] {
    (0..<map.rows).map { Array(map.values[$0 * map.columns..<($0 + 1) * map.columns]) }
  }
}
