import Configuration

/// One option under all the names that reference implementations give it.
struct OptionNames: ExpressibleByArrayLiteral {
  let names: [String]

  init(arrayLiteral elements: String...) { names = elements }

  static let channels: OptionNames = [
    "channels", "channel", "gate_channels", "in_channels", "in_planes", "inplanes", "inp", "in", "dim",
  ]
  static let planes: OptionNames = ["planes", "out_planes"]
  static let outputs: OptionNames = ["out_channels", "outputs", "oup", "out", "planes"]
  static let reduction: OptionNames = ["reduction_ratio", "reduction", "r"]
  static let pools: OptionNames = ["pool_types", "pools", "pool_type"]
  static let spatialKernel: OptionNames = ["spatial_kernel", "kernel_size", "kernel"]
  static let kernel: OptionNames = ["k_size", "kernel", "kernel_size", "kernels", "k_sizes", "k"]
  static let blocks: OptionNames = ["blocks", "layers", "depths"]
  static let depth: OptionNames = ["depth"]
  static let strides: OptionNames = ["strides", "stride"]
  static let stem: OptionNames = ["stem", "stem_channels", "stem_planes"]
  static let classes: OptionNames = ["classes", "num_classes"]
  static let groups: OptionNames = ["groups", "cardinality"]
  static let widthPerGroup: OptionNames = ["width_per_group", "base_width"]
  static let expansion: OptionNames = ["expansion", "expand", "expand_ratio", "t"]
}

extension ConfigSection {
  /// The name under which `option` is written; its first one where it is not.
  func name(_ option: OptionNames) -> String { option.names.first(where: contains) ?? option.names[0] }

  func has(_ option: OptionNames) -> Bool { option.names.contains(where: contains) }

  /// Extents and counts: bounded, so that a file's nonsense cannot become a request for memory.
  func size(_ option: OptionNames, default value: Int? = nil, upTo most: Int = 1 << 15) throws -> Int {
    try int(name(option), default: value, in: 1...most)
  }

  /// The size of a window that has a centre.
  func oddSize(_ option: OptionNames, default value: Int? = nil) throws -> Int {
    let size = try size(option, default: value, upTo: 63)
    guard size % 2 == 1 else { throw error(name(option), "a window must be odd, to have a centre; found \(size)") }
    return size
  }

  /// One number for each of `count` stages; a single number stands for all.
  func sizes(_ option: OptionNames, stages: Int, default value: Int? = nil) throws -> [Int] {
    let name = name(option)
    if !contains(name), let value { return [Int](repeating: try size(option, default: value), count: stages) }
    if let same = try? int(name, in: 1...1 << 15) { return [Int](repeating: same, count: stages) }
    return try ints(name, count: stages, in: 1...1 << 15)
  }

  /// Refuses a file whose input has other channels than its options say.
  func checkChannels(_ option: OptionNames = .channels, of fixture: Fixture) throws {
    guard has(option) else { return }
    let declared = try size(option)
    let found = try fixture.inputChannels()
    guard declared == found else { throw error(name(option), "says \(declared) channels, input.0 has \(found)") }
  }
}
