import Pictures

/// What of a network's modules is drawn: of a deep network the first and the last module of each size, or the last
/// alone, and how many were left out is said.
package struct ModuleFigures {
  /// Maps in a row of the page.
  static let mapColumns = 6
  /// The most maps of one kind: a row.
  private static let mostMaps = mapColumns
  /// The most rows of a clip's frames of one kind.
  private static let mostStrips = 3
  /// The most curves in one plot: beyond, colours would repeat.
  private static let mostCurves = 6

  /// Maps of one kind over the frames of a clip, by depth: a row of the page for each module.
  package struct Strips {
    package let title: String
    package let note: String
    package let items: [(name: String, maps: [HeatMap])]
  }

  /// Maps of one kind by depth.
  package struct Maps {
    package let title: String
    /// What was left out.
    package let note: String
    package let items: [(name: String, map: HeatMap)]
    /// Whether the numbers of a map are shares of 1, of which only the largest says something.
    let areShares: Bool

    func rangeNote(_ range: ClosedRange<Float>) -> String {
      let (low, high) = (Double(range.lowerBound), Double(range.upperBound))
      if areShares { return "largest \(NumberText.significant(high, digits: 2))" }
      return "\(NumberText.fixed(low, decimals: 3)) … \(NumberText.fixed(high, decimals: 3))"
    }
  }

  let observations: [Observation]

  package init(_ observations: [Observation]) { self.observations = observations }

  /// Gates of places, then attention over places.
  package var maps: [Maps] {
    let gates = observations.compactMap { observation in
      if case .places(let map) = observation.content { (observation.path, map) } else { nil }
    }
    func attention(ofCentre: Bool) -> [(String, HeatMap)] {
      observations.compactMap { observation in
        if case .attention(let map, ofCentre) = observation.content { (observation.path, map) } else { nil }
      }
    }
    return [
      maps("Spatial gates", gates, areShares: false),
      maps("Attention over places", attention(ofCentre: false), areShares: true),
      maps("Attention of the centre", attention(ofCentre: true), areShares: true),
    ].compactMap { $0 }
  }

  /// Frames that attend to frames.
  package var frameAttention: Maps? {
    let all = observations.compactMap { observation in
      if case .frameAttention(let map) = observation.content { (observation.path, map) } else { nil }
    }
    return maps("Attention over time", all, areShares: true)
  }

  /// Attention over the places of a clip.
  package var strips: [Strips] {
    [false, true].compactMap { isOfMiddle in
      let all = observations.compactMap { observation -> (path: String, maps: [HeatMap])? in
        if case .clipAttention(let maps, isOfMiddle) = observation.content { (observation.path, maps) } else { nil }
      }
      guard let frames = all.first?.maps.count else { return nil }
      let names = ShortPaths(all.map(\.path))
      let shown = Self.shown(all.map { [$0.maps[0].rows, $0.maps[0].columns] }, atMost: Self.mostStrips)
      return Strips(
        title: isOfMiddle
          ? "Attention of the centre of frame \(frames / 2 + 1)\(names.suffix)"
          : "Attention of each frame's centre\(names.suffix)",
        note: Self.note(shown.count, of: all.count), items: shown.map { (names.names[$0], all[$0].maps) })
    }
  }

  private func maps(_ title: String, _ all: [(path: String, map: HeatMap)], areShares: Bool) -> Maps? {
    guard !all.isEmpty else { return nil }
    let names = ShortPaths(all.map(\.path))
    let shown = Self.shown(all.map { [$0.map.rows, $0.map.columns] }, atMost: Self.mostMaps)
    return Maps(
      title: title + names.suffix, note: Self.note(shown.count, of: all.count),
      items: shown.map { (names.names[$0], all[$0].map) }, areShares: areShares)
  }

  /// Channel gates first, then gates of frames, then weights and factors by depth.
  package var plots: [LinePlot] { gatePlots + framePlots + partPlots }

  private var framePlots: [LinePlot] {
    let all = observations.compactMap { observation -> (path: String, values: [Float])? in
      if case .frames(let values) = observation.content { (observation.path, values) } else { nil }
    }
    guard let frames = all.first?.values.count else { return [] }
    // All have as many frames: of many modules some are shown, evenly.
    let names = ShortPaths(all.map(\.path)), shown = Self.shown(all.indices.map { [$0] }, atMost: Self.mostCurves)
    let left = shown.count < all.count ? ", \(shown.count) of \(all.count)" : ""
    return [
      LinePlot(
        title: "Gates of the frames\(names.suffix)\(left)", xLabel: "frame", yLabel: "gate",
        series: shown.map { series(names.names[$0], all[$0].values) }, xNames: (1...frames).map { "\($0)" })
    ]
  }

  private var gatePlots: [LinePlot] {
    let all = observations.compactMap { observation -> (path: String, values: [Float])? in
      if case .channels(let values) = observation.content, !values.isEmpty { (observation.path, values) } else { nil }
    }
    guard !all.isEmpty else { return [] }
    let names = ShortPaths(all.map(\.path)), sorted = all.map { $0.values.sorted(by: >) }
    let shown = Self.shown(all.map { [$0.values.count] }, atMost: Self.mostCurves)
    let curves = shown.map { index in
      let values = sorted[index]
      return PlotSeries(
        "\(names.names[index]) (\(values.count))",
        values.enumerated().map { Point(x: 100 * Double($0) / Double(max(1, values.count - 1)), y: Double($1)) })
    }
    let left = shown.count < all.count ? ", \(shown.count) of \(all.count)" : ""
    var plots = [
      LinePlot(
        title: "Channel gates\(names.suffix)\(left)", xLabel: "channels, sorted (%)", yLabel: "gate", series: curves)
    ]
    if all.count > 1 {
      let quantiles = [("highest tenth", 0.1), ("median", 0.5), ("lowest tenth", 0.9)].map { name, share in
        series(name, sorted.map { $0[min(Int(share * Double($0.count)), $0.count - 1)] })
      }
      plots.append(
        LinePlot(
          title: "Channel gates by depth", xLabel: "module", yLabel: "gate", series: quantiles, xNames: names.names))
    }
    return plots
  }

  private var partPlots: [LinePlot] {
    var titles: [String] = []
    var groups: [String: [(path: String, names: [String], values: [Float], areTrained: Bool)]] = [:]
    for observation in observations {
      guard case .parts(let title, let names, let values, let areTrained) = observation.content else { continue }
      if groups[title] == nil { titles.append(title) }
      groups[title, default: []].append((observation.path, names, values, areTrained))
    }
    return titles.compactMap { title in
      guard let modules = groups[title], let first = modules.first else { return nil }
      let paths = ShortPaths(modules.map(\.path)), parts = first.names.prefix(Self.mostCurves)
      let curves = parts.indices.map { part in
        series(first.names[part], modules.map { $0.values.indices.contains(part) ? $0.values[part] : .nan })
      }
      let left = parts.count < first.names.count ? ", \(parts.count) of \(first.names.count)" : ""
      let kind = first.areTrained ? "factor" : "weight"
      return LinePlot(
        title: title.prefix(1).uppercased() + title.dropFirst() + paths.suffix + left, xLabel: "module", yLabel: kind,
        series: curves, xNames: paths.names)
    }
  }

  /// One number for each module in turn.
  private func series(_ name: String, _ values: [Float]) -> PlotSeries {
    PlotSeries(
      name, values.enumerated().map { Point(x: Double($0 + 1), y: Double($1)) },
      style: values.count > 30 ? .line : .marked)
  }

  /// The places of `sizes` to show: all, or the first and the last of each run of one size, or the last alone, or of
  /// these as many as may be, evenly.
  package static func shown(_ sizes: [[Int]], atMost limit: Int) -> [Int] {
    guard sizes.count > limit else { return Array(sizes.indices) }
    func isLast(_ index: Int) -> Bool { index + 1 == sizes.count || sizes[index + 1] != sizes[index] }
    let ends = sizes.indices.filter { isLast($0) || $0 == 0 || isLast($0 - 1) }
    if ends.count <= limit { return ends }
    let last = ends.filter(isLast)
    guard last.count > limit else { return last }
    return (1...limit).map { last[$0 * last.count / limit - 1] }
  }

  private static func note(_ shown: Int, of all: Int) -> String {
    shown == all ? "" : "\(shown) of \(all) modules"
  }
}

/// Paths of alike modules without what all of them end with, which is said once: `layer1.0` for `layer1.0.cbam`, and
/// `layer1.0, rows` for `layer1.0.coordatt, rows`.
package struct ShortPaths {
  package let names: [String]
  /// ` (cbam)`, or nothing.
  package let suffix: String

  package init(_ paths: [String]) {
    let halves = paths.map { $0.split(separator: ",", maxSplits: 1) }
    let parts = halves.map { ($0.first ?? "").split(separator: ".").map(String.init) }
    var shared = 0
    // At least one part of each stays.
    while let first = parts.first, shared < first.count - 1,
      parts.allSatisfy({ $0.count - 1 > shared && $0[$0.count - 1 - shared] == first[first.count - 1 - shared] })
    { shared += 1 }
    // A lone path has nothing to be shortened against but its module's own name.
    if paths.count == 1 { shared = min(shared, 1) }
    names = zip(parts, halves).map { $0.dropLast(shared).joined(separator: ".") + ($1.count > 1 ? ",\($1[1])" : "") }
    suffix = shared > 0 ? " (\(parts[0].suffix(shared).joined(separator: ".")))" : ""
  }
}
