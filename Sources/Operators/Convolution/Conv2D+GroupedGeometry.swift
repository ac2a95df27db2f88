import Compute

/// One direction of a grouped convolution, and how its work is cut into slices of target channels.
///
/// A matrix product for each group would be a few columns wide. Where groups are narrow a slice is one vector that
/// holds several groups, and the sources are spread out so that every lane finds its own group's; a wide group is a
/// slice of its own, or more than one, and each source goes to all lanes.
struct GroupedDirection {
  let plane: TapPlane
  let kernelHeight: Int, kernelWidth: Int
  let images: Int, groups: Int
  /// Channels of a group that are read, and that are computed.
  let sources: Int, targets: Int
  private let turnsBack: Bool

  /// The forward pass, or with `turnsBack` the data gradient.
  init(_ convolution: ConvolutionGeometry, turnsBack: Bool) {
    let c = convolution
    plane = TapPlane(
      rows: TapAxis(
        inputs: c.height, outputs: c.outputHeight, taps: c.kernelHeight, stride: c.strideY, padding: c.paddingY,
        dilation: c.dilationY, turnsBack: turnsBack),
      columns: TapAxis(
        inputs: c.width, outputs: c.outputWidth, taps: c.kernelWidth, stride: c.strideX, padding: c.paddingX,
        dilation: c.dilationX, turnsBack: turnsBack))
    (kernelHeight, kernelWidth, images, groups) = (c.kernelHeight, c.kernelWidth, c.images, c.groups)
    (sources, targets) = turnsBack ? (c.groupOutputs, c.groupChannels) : (c.groupChannels, c.groupOutputs)
    self.turnsBack = turnsBack
  }

  var isNarrow: Bool { targets <= 8 }
  var groupsPerSlice: Int { isNarrow ? 16 / targets : 1 }
  private var slicesPerGroup: Int { (targets + 31) / 32 }
  var slices: Int { isNarrow ? (groups + groupsPerSlice - 1) / groupsPerSlice : groups * slicesPerGroup }
  /// Vectors of a slice.
  var vectors: Int { targets > 16 ? 2 : 1 }
  /// Floats of a pixel in a packed band, and from one source channel to the next.
  var depth: Int { sources * unit }
  var unit: Int { isNarrow ? 16 : 1 }
  var taps: Int { kernelHeight * kernelWidth }
  /// Floats of a slice's packed filters.
  var sliceFloats: Int { taps * sources * 16 * vectors }
  var packedFilterFloats: Int { slices * sliceFloats }

  func slice(_ number: Int) -> GroupedSlice {
    if isNarrow {
      let first = number * groupsPerSlice
      return GroupedSlice(group: first, groups: min(groupsPerSlice, groups - first), firstTarget: 0, targets: targets)
    }
    let (group, part) = number.quotientAndRemainder(dividingBy: slicesPerGroup)
    return GroupedSlice(group: group, groups: 1, firstTarget: part * 32, targets: min(32, targets - part * 32))
  }

  /// Where the weight of a tap, source and target of a group lies in `[O, kh, kw, C/groups]`.
  @inline(__always)
  func weight(_ group: Int, tap: Int, source: Int, target: Int) -> Int {
    let (output, input) = turnsBack ? (source, target) : (target, source)
    let (outputs, inputs) = turnsBack ? (sources, targets) : (targets, sources)
    return ((group * outputs + output) * taps + tap) * inputs + input
  }

  // MARK: Bands

  /// Bands of rows that an image is cut into: a packed band has at most half a megabyte, but for tall filters.
  var bands: Int {
    let rows = plane.rows.outputs
    let reach = plane.reach(of: 0..<rows)
    let most = (128 << 10) / max(reach.columns.count * depth, 1), tall = reach.rows.count - rows * plane.rows.advance
    let wanted = max((most - max(tall, 0)) / plane.rows.advance * plane.rows.phases, min(rows, 4 * plane.rows.phases))
    return (rows + wanted - 1) / wanted
  }
  func rows(of band: Int) -> Range<Int> { band * plane.rows.outputs / bands..<(band + 1) * plane.rows.outputs / bands }

  /// Floats of the largest packed band, with what a run of seven outputs reads beyond its end.
  var bandFloats: Int {
    var most = 0
    for band in 0..<bands { most = max(most, plane.reach(of: rows(of: band)).count) }
    return (most + 7 * plane.columns.advance) * depth
  }
  var bandRows: Int { (plane.rows.outputs + bands - 1) / bands }
}

/// Neighbouring target channels that are computed together: of several groups all, of one group some.
struct GroupedSlice {
  let group: Int, groups: Int
  let firstTarget: Int, targets: Int
  var count: Int { groups * targets }
}
