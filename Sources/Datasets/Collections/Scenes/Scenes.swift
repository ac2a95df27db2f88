import Compute

/// The built-in data set: textured shapes under a common light, with noise, small distractors and partial occlusion.
///
/// Every scene is drawn when it is asked for, from (seed, split, index) alone; nothing is stored, and the same index
/// gives the same bytes on every machine. The label is the class of the main object, the largest and foremost one.
///
/// With `frames` each scene is a clip of so many pictures, through which the main object moves: in some it may be out
/// of sight.
public struct Scenes: ImageDataset {
  /// Pictures: as many as scenes, or as all frames of all scenes.
  public let count: Int
  public let framesPerClip: Int
  /// Width and height of the picture, in pixels.
  public let side: Int
  /// How many times larger a scene's original is.
  public let originalScale: Int
  public var classNames: [String] { SceneShape.allCases.map(\.name) }
  public var imageSize: ImageSize? { ImageSize(side: side) }
  private let key: RandomKey
  private let split: Split

  /// - Parameters:
  ///   - count: scenes.
  ///   - side: 16...512 pixels.
  ///   - originalScale: 1...4.
  ///   - seed: another seed gives other scenes.
  ///   - split: training and evaluation scenes differ for every index.
  ///   - frames: of the clip that each scene is; 1 for pictures, in which nothing moves.
  public init(
    count: Int, side: Int = 32, originalScale: Int = 2, seed: Int = 0, split: Split = .training, frames: Int = 1
  ) {
    precondition((16...512).contains(side), "scenes of \(side) pixels; 16 to 512 can be drawn")
    precondition((1...4).contains(originalScale), "originals of \(originalScale) times the size; 1 to 4 can be drawn")
    precondition(frames > 0, "clips of \(frames) frames")
    self.count = count * frames
    framesPerClip = frames
    self.side = side
    self.originalScale = originalScale
    self.split = split
    key = RandomKey(UInt64(bitPattern: Int64(seed))).appending("scenes").appending(split.rawValue)
  }

  public func name(of index: Int) -> String {
    let (scene, frame) = index.quotientAndRemainder(dividingBy: framesPerClip)
    return "\(split.rawValue) scene \(scene)" + (framesPerClip > 1 ? ", frame \(frame + 1)" : "")
  }

  /// `minimumSide` has no effect: pictures are drawn at `side`.
  public func sample(at index: Int, minimumSide: Int? = nil) -> Sample {
    let renderer = renderer(at: index)
    return Sample(image: renderer.reduced(renderer.original()), label: renderer.drawing.figures.last!.shape.rawValue)
  }

  /// The scene with the ground truth of every task; its image and label are those of `sample(at:)`.
  public func scene(at index: Int) -> Scene {
    let renderer = renderer(at: index)
    let original = renderer.original()
    let figures = renderer.drawing.figures
    let masks = figures.map(renderer.mask)

    // The number of the front object at each pixel, from 1; 0 is background.
    var front = [Int](repeating: 0, count: side * side)
    for (number, mask) in masks.enumerated() {
      for place in mask.indices where mask[place] != 0 { front[place] = number + 1 }
    }
    let objects = figures.indices.map { number in
      let visible = front.map { $0 == number + 1 ? 1 : 0 as UInt8 }
      return SceneObject(
        label: figures[number].shape.rawValue, mask: masks[number], visibleMask: visible,
        box: PixelBox(around: masks[number], width: side), visibleBox: PixelBox(around: visible, width: side))
    }
    let boundaries = front.indices.map { place -> UInt8 in
      let changesRight = place % side + 1 < side && front[place + 1] != front[place]
      let changesBelow = place + side < front.count && front[place + side] != front[place]
      return changesRight || changesBelow ? 1 : 0
    }
    return Scene(
      image: renderer.reduced(original), original: original, objects: objects,
      semanticMask: front.map { $0 == 0 ? 0 : UInt8(figures[$0 - 1].shape.rawValue + 1) }, boundaries: boundaries)
  }

  private func renderer(at index: Int) -> SceneRenderer {
    precondition(index >= 0 && index < count, "picture \(index) of \(count)")
    let (scene, frame) = index.quotientAndRemainder(dividingBy: framesPerClip)
    var drawing = SceneDrawing(key.appending(scene))
    if framesPerClip > 1 { drawing.move(toFrame: frame, of: framesPerClip) }
    return SceneRenderer(drawing: drawing, side: side, scale: originalScale)
  }
}
