import Pictures

/// Why a network says what it says of one picture, or of a clip.
public struct Explanation: Sendable {
  /// The picture, or one of a clip.
  public struct Frame: Sendable {
    /// As the network is shown it, before it is normalised.
    public let picture: PixelImage
    /// Where the last feature map speaks for the class: Grad-CAM, at that map's size, from 0 up.
    public let activation: HeatMap
    public let logits: [Float]

    package init(picture: PixelImage, activation: HeatMap, logits: [Float]) {
      self.picture = picture
      self.activation = activation
      self.logits = logits
    }

    /// The softmax of the logits.
    public var probabilities: [Double] { softmax(logits) }
  }

  /// The class whose score is explained.
  public let label: Int
  /// A picture, or the frames of a clip one after the other.
  public let frames: [Frame]
  /// What the attention modules did, in the order of the network.
  public let observations: [Observation]

  package init(label: Int, frames: [Frame], observations: [Observation]) {
    precondition(!frames.isEmpty, "an explanation of nothing")
    self.label = label
    self.frames = frames
    self.observations = observations
  }

  /// The mean over the frames.
  public var logits: [Float] { meanLogits(frames.map(\.logits)) }

  /// The softmax of the logits.
  public var probabilities: [Double] { softmax(logits) }
}
