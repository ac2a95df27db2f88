/// One parameter tensor in the flat block, for what looks at tensors one by one: trust ratios, adaptive clipping.
public struct ParameterTensor: Hashable, Sendable {
  /// Where it lies and how it is updated.
  public var group: ParameterGroup
  /// How its elements are divided among the layer's outputs.
  public var units: OutputUnits
  /// Whether it belongs to the classifier, the last layer of the network.
  public var isClassifier: Bool

  public init(_ group: ParameterGroup, units: OutputUnits? = nil, isClassifier: Bool = false) {
    let units = units ?? OutputUnits(outer: 1, count: 1, inner: group.range.count)
    precondition(units.elements == group.range.count, "\(units) in \(group.range.count) elements")
    self.group = group
    self.units = units
    self.isClassifier = isClassifier
  }
}

/// Which elements of a tensor make each output of its layer (a filter, a row of a matrix): the memory is
/// `[outer, count, inner]`, and unit u is `[:, u, :]`.
public struct OutputUnits: Hashable, Sendable {
  public var outer: Int
  public var count: Int
  public var inner: Int

  public init(outer: Int, count: Int, inner: Int) {
    self.outer = outer
    self.count = count
    self.inner = inner
  }

  /// The units of a tensor whose outputs are the first axis of its file: one unit for a vector, as timm's
  /// `unitwise_norm` has it.
  /// - Parameters:
  ///   - shape: in the file.
  ///   - axes: memory axis i is axis `axes[i]` of the file.
  public init(fileShape shape: [Int], axes: [Int]) {
    guard shape.count > 1, let place = axes.firstIndex(of: 0) else {
      self.init(outer: 1, count: 1, inner: shape.reduce(1, *))
      return
    }
    func product(_ axes: ArraySlice<Int>) -> Int { axes.reduce(1) { $0 * shape[$1] } }
    self.init(outer: product(axes[..<place]), count: shape[0], inner: product(axes[(place + 1)...]))
  }

  var elements: Int { outer * count * inner }
}
