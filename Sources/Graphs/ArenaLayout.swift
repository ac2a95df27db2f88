import Compute
import Glibc
import Operators

/// Gives every cell of a program its place in one arena.
///
/// One after the other, each at the lowest offset where no neighbour in time lies. Packing intervals is NP-hard; the
/// best of three orders comes within 2 % of the lower bound (the most bytes that are alive at one step) on the
/// catalogue's networks. Largest first alone leaves 6 % where large values are computed again and so live shortly.
public struct ArenaLayout: Sendable {
  /// The byte offset of each cell; `nil` for cells outside the arena.
  public let offsets: [Int?]
  /// The byte offset of each step's working memory.
  public let scratchOffsets: [Int]
  public let byteCount: Int
  /// The most bytes alive at one step: no layout can be smaller.
  public let lowerBoundBytes: Int

  private struct Block {
    let interval: Liveness.Interval
    let bytes: Int
    let cells: [Int]
    let step: Int?
    var duration: Double { Double(interval.last - interval.first + 1) }
  }

  /// What comes first, by the power of its duration that multiplies its size.
  private static let orders = [0, 0.5, 1]
  /// A layout this close to the lower bound needs no rival.
  private static let tolerance = 1.001

  package init(_ program: Program, workers: Int, inPlace: Bool = true) {
    let liveness = Liveness(program, inPlace: inPlace)
    var members: [Int: [Int]] = [:]
    for (cell, group) in liveness.group.enumerated() {
      if let group { members[group, default: []].append(cell) }
    }
    var blocks = liveness.intervals.sorted { $0.key < $1.key }.map { group, interval in
      Block(interval: interval, bytes: Self.padded(program.cells[group].count * 4), cells: members[group]!, step: nil)
    }
    for (index, step) in program.steps.enumerated() {
      let bytes = program.scratchFloats(of: step, workers: workers) * 4
      if bytes > 0 {
        blocks.append(
          Block(interval: .init(first: index, last: index), bytes: Self.padded(bytes), cells: [], step: index))
      }
    }
    lowerBoundBytes = Self.lowerBound(blocks, steps: program.steps.count)
    var best = (offsets: [Int?](), scratch: [Int](), end: Int.max)
    for order in Self.orders where Double(best.end) > Self.tolerance * Double(lowerBoundBytes) {
      let layout = Self.place(blocks, order, cells: program.cells.count, steps: program.steps.count)
      if layout.end < best.end { best = layout }
    }
    (offsets, scratchOffsets, byteCount) = best
  }

  private static func place(
    _ blocks: [Block], _ order: Double, cells: Int, steps: Int
  ) -> (offsets: [Int?], scratch: [Int], end: Int) {
    var offsets = [Int?](repeating: nil, count: cells), scratch = [Int](repeating: 0, count: steps), end = 0
    var placed: [(block: Block, offset: Int)] = []
    let weights = blocks.map { Double($0.bytes) * pow($0.duration, order) }
    let sequence = blocks.indices.sorted { (-weights[$0], $0) < (-weights[$1], $1) }
    for block in sequence.map({ blocks[$0] }) {
      var offset = 0
      for other in placed where other.block.interval.overlaps(block.interval) {
        if other.offset >= offset + block.bytes { break }
        offset = max(offset, other.offset + other.block.bytes)
      }
      let position = placed.firstIndex { $0.offset > offset } ?? placed.count
      placed.insert((block, offset), at: position)
      for cell in block.cells { offsets[cell] = offset }
      if let step = block.step { scratch[step] = offset }
      end = max(end, offset + block.bytes)
    }
    return (offsets, scratch, end)
  }

  private static func lowerBound(_ blocks: [Block], steps: Int) -> Int {
    var change = [Int](repeating: 0, count: steps + 3)
    for block in blocks {
      change[block.interval.first + 1] += block.bytes
      change[block.interval.last + 2] -= block.bytes
    }
    var alive = 0, most = 0
    for difference in change {
      alive += difference
      most = max(most, alive)
    }
    return most
  }

  private static func padded(_ bytes: Int) -> Int { (bytes + Arena.alignment - 1) / Arena.alignment * Arena.alignment }
}

extension Program {
  /// The working memory that a step asks for.
  func scratch(of step: Step) -> Scratch {
    guard let node = step.node.map({ graph.nodes[$0] }) else { return Scratch() }
    let pass: Pass
    if case .backward = step.action { pass = .backward } else { pass = .forward }
    return node.subject.scratch(
      for: pass, inputs: node.inputs.map(\.shape), outputs: node.outputs.map { graph.values[$0.index].shape })
  }

  func scratchFloats(of step: Step, workers: Int) -> Int { CallContext.floatCount(scratch(of: step), workers: workers) }
}

extension Plan {
  /// Pairs of cells that are needed at the same time and yet share memory: empty, or the layout is wrong. Computed from
  /// the steps afresh, without the intervals that the layout was made from; a cell may lie in the place of one that its
  /// own step consumes.
  package func overlaps() -> [String] {
    var first: [Int: Int] = [:], last: [Int: Int] = [:]
    for (index, step) in program.steps.enumerated() {
      for cell in step.touched where program.cells[cell].place == .arena {
        first[cell] = first[cell] ?? index
        last[cell] = index
      }
    }
    for cell in first.keys {
      if program.cells[cell].isGiven { first[cell] = -1 }
      if program.cells[cell].isResult { last[cell] = program.steps.count }
    }
    let cells = first.keys.sorted()
    var found: [String] = []
    for (place, a) in cells.enumerated() {
      for b in cells[(place + 1)...] where first[a]! < last[b]! && first[b]! < last[a]! {
        let (x, y) = (arena.offsets[a]!, arena.offsets[b]!)
        if x < y + program.cells[b].count * 4 && y < x + program.cells[a].count * 4 { found.append("\(a) and \(b)") }
      }
    }
    return found
  }
}
