import Pictures
import Training

/// What `trainer predict --explain --json` prints of a picture: every number that is drawn.
struct ExplanationReport: Encodable {
  let file: String
  /// The class whose score is explained.
  let `class`: String
  let label: Int
  let probability: Double
  let logits: [Float]
  /// Rows of the last feature map.
  let gradCam: [[Float]]
  let modules: [Module]
  /// The drawing.
  let page: String

  /// What one module shows, of one kind.
  struct Module: Encodable {
    let path: String
    /// `channel_gate`, `spatial_gate`, `attention`, `attention_of_centre`, `weights` or `factors`.
    let kind: String
    var title: String?
    var names: [String]?
    var values: [Float]?
    var map: [[Float]]?
  }

  init(_ file: String, _ explanation: Explanation, _ prediction: Prediction, page: String) {
    self.file = file
    `class` = prediction.name(explanation.label)
    label = explanation.label
    probability = explanation.probabilities[explanation.label]
    logits = explanation.logits
    gradCam = Self.rows(explanation.activation)
    modules = explanation.observations.map(Self.module)
    self.page = page
  }

  private static func module(_ observation: Observation) -> Module {
    switch observation.content {
    case .channels(let values): Module(path: observation.path, kind: "channel_gate", values: values)
    case .places(let map): Module(path: observation.path, kind: "spatial_gate", map: rows(map))
    case .attention(let map, let isOfCentre):
      Module(path: observation.path, kind: isOfCentre ? "attention_of_centre" : "attention", map: rows(map))
    case .parts(let title, let names, let values, let areTrained):
      Module(
        path: observation.path, kind: areTrained ? "factors" : "weights", title: title, names: names, values: values)
    }
  }

  private static func rows(_ map: HeatMap) -> [[Float]] {
    (0..<map.rows).map { Array(map.values[$0 * map.columns..<($0 + 1) * map.columns]) }
  }
}
