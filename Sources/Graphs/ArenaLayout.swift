import Compute
import Operators

/// Gives every cell of a program its place in one arena.
///
/// Largest first, each at the lowest offset where no neighbour in time lies: packing intervals is NP-hard, and this
/// order comes within a few percent of the lower bound (the most bytes that are alive at one step) on the catalogue's
/// networks.
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
  }

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
    (offsets, scratchOffsets, byteCount) = Self.place(blocks, cells: program.cells.count, steps: program.steps.count)
    lowerBoundBytes = Self.lowerBound(blocks, steps: program.steps.count)
  }

  private static func place(_ blocks: [Block], cells: Int, steps: Int) -> ([Int?], [Int], Int) {
    var offsets = [Int?](repeating: nil, count: cells), scratch = [Int](repeating: 0, count: steps), end = 0
    var placed: [(block: Block, offset: Int)] = []
    let order = blocks.indices.sorted { (-blocks[$0].bytes, $0) < (-blocks[$1].bytes, $1) }
    for block in order.map({ blocks[$0] }) {
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
