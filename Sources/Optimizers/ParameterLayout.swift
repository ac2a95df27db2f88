/// A run of parameters in the flat block that are updated alike.
public struct ParameterGroup: Hashable, Sendable {
  /// Elements of the flat block.
  public var range: Range<Int>
  /// Whether weight decay applies; by convention not to biases and norms.
  public var decays: Bool
  /// A factor to the learning rate.
  public var rateScale: Float

  public init(_ range: Range<Int>, decays: Bool, rateScale: Float = 1) {
    self.range = range
    self.decays = decays
    self.rateScale = rateScale
  }
}

/// Which elements of the flat block are parameters, and how each is updated. What lies between the groups (running
/// statistics, padding) is left alone.
public struct ParameterLayout: Hashable, Sendable {
  /// The elements that one worker takes at a time: four blocks of 64 KiB stay in its second-level cache.
  public static let tileElements = 16_384

  /// Disjoint and ascending; neighbours that are updated alike are one.
  public let groups: [ParameterGroup]
  /// The tensors in ascending order; none where the layout was made of groups.
  public let tensors: [ParameterTensor]
  /// The end of the last group.
  public let extent: Int

  /// - Parameter groups: disjoint, in any order; empty ones are dropped.
  public init(_ groups: [ParameterGroup]) { self.init(groups, tensors: []) }

  /// - Parameter tensors: disjoint, in any order, none empty.
  public init(tensors: [ParameterTensor]) {
    self.init(
      tensors.map(\.group), tensors: tensors.sorted { $0.group.range.lowerBound < $1.group.range.lowerBound })
  }

  private init(_ groups: [ParameterGroup], tensors: [ParameterTensor]) {
    var merged: [ParameterGroup] = []
    for group in groups.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) where !group.range.isEmpty {
      if let last = merged.last, last.range.upperBound == group.range.lowerBound, last.decays == group.decays,
        last.rateScale == group.rateScale
      {
        merged[merged.count - 1].range = last.range.lowerBound..<group.range.upperBound
      } else {
        precondition(
          merged.last.map { $0.range.upperBound <= group.range.lowerBound } ?? true,
          "parameters \(group.range) overlap those before them")
        merged.append(group)
      }
    }
    self.groups = merged
    self.tensors = tensors
    extent = merged.last?.range.upperBound ?? 0
  }

  /// The number of parameters.
  public var count: Int { groups.reduce(0) { $0 + $1.range.count } }

  /// Runs `body` on each group's part of `tile`.
  @inline(__always)
  func forEachSpan(in tile: Range<Int>, _ body: (Range<Int>, ParameterGroup) -> Void) {
    var index = firstGroup(endingAfter: tile.lowerBound)
    while index < groups.count, groups[index].range.lowerBound < tile.upperBound {
      body(groups[index].range.clamped(to: tile), groups[index])
      index += 1
    }
  }

  private func firstGroup(endingAfter element: Int) -> Int {
    var low = 0
    var high = groups.count
    while low < high {
      let middle = (low + high) / 2
      if groups[middle].range.upperBound <= element { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
