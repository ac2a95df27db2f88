/// A limited number of a data set's samples, spread evenly over it: files are often sorted by class, so that the first
/// ones alone would be of one class.
public struct Subset: ImageDataset {
  private let base: any ImageDataset
  public let count: Int
  public var classNames: [String] { base.classNames }
  public var imageSize: ImageSize? { base.imageSize }
  public var framesPerClip: Int { base.framesPerClip }

  /// Sample i is sample ⌊i · base.count / count⌋ of `base`, with `count` the smaller of `limit` and `base.count`; of a
  /// data set of clips, whole clips, one at least.
  public init(_ base: any ImageDataset, limit: Int) {
    precondition(limit > 0, "a limit of \(limit) samples")
    self.base = base
    count = min(max(1, limit / base.framesPerClip) * base.framesPerClip, base.count)
  }

  public func name(of index: Int) -> String { base.name(of: place(of: index)) }

  public func sample(at index: Int, minimumSide: Int?) throws -> Sample {
    try base.sample(at: place(of: index), minimumSide: minimumSide)
  }

  private func place(of index: Int) -> Int {
    let (clip, frame) = index.quotientAndRemainder(dividingBy: framesPerClip)
    return clip * base.count / count * framesPerClip + frame
  }
}
