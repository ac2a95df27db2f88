/// A limited number of a data set's samples, spread evenly over it: files are often sorted by class, so that the first
/// ones alone would be of one class.
public struct Subset: ImageDataset {
  private let base: any ImageDataset
  public let count: Int
  public var classNames: [String] { base.classNames }
  public var imageSize: ImageSize? { base.imageSize }

  /// Sample i is sample ⌊i · base.count / count⌋ of `base`, with `count` the smaller of `limit` and `base.count`.
  public init(_ base: any ImageDataset, limit: Int) {
    precondition(limit > 0, "a limit of \(limit) samples")
    self.base = base
    count = min(limit, base.count)
  }

  public func name(of index: Int) -> String { base.name(of: place(of: index)) }

  public func sample(at index: Int, minimumSide: Int?) throws -> Sample {
    try base.sample(at: place(of: index), minimumSide: minimumSide)
  }

  private func place(of index: Int) -> Int { index * base.count / count }
}
