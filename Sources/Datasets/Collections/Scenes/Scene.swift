/// A built-in scene with the ground truth of every task, at the picture's size unless it says otherwise.
///
/// Masks and maps have one byte a pixel, row by row, as the picture.
public struct Scene: Sendable {
  public let image: Image
  /// The same scene at a multiple of the size; `image` is the mean of its blocks, rounded (super-resolution).
  public let original: Image
  /// What there is to see, from back to front (detection, instance segmentation). The last is the main object.
  public let objects: [SceneObject]
  /// 0 for background, otherwise class + 1 of the front object (semantic segmentation).
  public let semanticMask: [UInt8]
  /// 1 where the pixel to the right or below belongs to another object or to the background (boundary detection).
  public let boundaries: [UInt8]
  /// The class of the main object (classification).
  public var label: Int { objects[objects.count - 1].label }
}

/// One object of a scene.
public struct SceneObject: Sendable {
  /// The class, an index into `Scenes.classNames`.
  public let label: Int
  /// 1 where the object lies, also behind others; cut off at the picture's edge.
  public let mask: [UInt8]
  /// 1 where the object is seen.
  public let visibleMask: [UInt8]
  /// The smallest box around `mask`.
  public let box: PixelBox
  /// The smallest box around `visibleMask`.
  public let visibleBox: PixelBox
}

/// Pixels in columns x..<x+width and rows y..<y+height.
public struct PixelBox: Hashable, Sendable {
  public var x: Int
  public var y: Int
  public var width: Int
  public var height: Int

  public init(x: Int, y: Int, width: Int, height: Int) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }

  /// The smallest box around a mask's non-zero pixels; empty where there are none.
  init(around mask: [UInt8], width: Int) {
    var columns = (first: width, last: -1), rows = (first: mask.count, last: -1)
    for place in mask.indices where mask[place] != 0 {
      let (row, column) = place.quotientAndRemainder(dividingBy: width)
      columns = (min(columns.first, column), max(columns.last, column))
      rows = (min(rows.first, row), max(rows.last, row))
    }
    self =
      rows.last < 0
      ? PixelBox(x: 0, y: 0, width: 0, height: 0)
      : PixelBox(
        x: columns.first, y: rows.first, width: columns.last - columns.first + 1, height: rows.last - rows.first + 1)
  }
}
