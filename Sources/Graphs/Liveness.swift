import Compute
import Operators

/// From which step to which step each cell holds something that is still needed, and which cells share memory because
/// one is computed in the other's place.
struct Liveness {
  /// The steps between which a group of cells needs its memory, both included. -1: before the first step.
  struct Interval: Hashable {
    var first: Int
    var last: Int
    func overlaps(_ other: Interval) -> Bool { first <= other.last && other.first <= last }
  }

  /// The group of each cell: cells of a group share memory. `nil` for cells outside the arena and untouched ones.
  private(set) var group: [Int?]
  /// The interval and size of each group, by the cell that names it.
  private(set) var intervals: [Int: Interval] = [:]

  /// - Parameter inPlace: whether operators may compute in the memory of what they consume.
  init(_ program: Program, inPlace: Bool = true) {
    group = program.cells.map { _ in nil }
    for (index, step) in program.steps.enumerated() {
      for cell in step.touched where program.cells[cell].place == .arena {
        group[cell] = cell
        intervals[cell, default: Interval(first: index, last: index)].last = index
      }
    }
    for (cell, description) in program.cells.enumerated()
    where description.place == .arena && (description.isGiven || description.isResult) {
      group[cell] = cell
      if description.isGiven { intervals[cell, default: Interval(first: -1, last: -1)].first = -1 }
      if description.isResult {
        intervals[cell, default: Interval(first: program.steps.count, last: 0)].last = program.steps.count
      }
    }
    if inPlace { shareMemory(program) }
  }

  private mutating func shareMemory(_ program: Program) {
    for (index, step) in program.steps.enumerated() {
      guard let node = step.node else { continue }
      let permitted = program.graph.nodes[node].subject.inPlace
      switch step.action {
      case .forward, .recompute:
        if let input = permitted.forward, let from = step.reads[input], let to = step.writes[0] {
          share(from, to, at: index, step, program)
        }
      case .backward(let accumulates):
        if let input = permitted.backward, let from = step.reads[0], let to = step.writes[input], !accumulates[input] {
          share(from, to, at: index, step, program)
        }
      default: break
      }
    }
  }

  /// Lets `to` take the memory of `from` when `from` ends and `to` begins with this step.
  private mutating func share(
    _ from: Program.Use, _ to: Program.Use, at index: Int, _ step: Program.Step, _ program: Program
  ) {
    guard let a = group[from.cell], let b = group[to.cell], a != b,
      program.cells[from.cell].count == program.cells[to.cell].count,
      intervals[a]!.last == index, intervals[b]!.first == index,
      step.touched.filter({ group[$0] == a }).count == 1
    else { return }
    intervals[a]!.last = intervals[b]!.last
    intervals[b] = nil
    for cell in group.indices where group[cell] == b { group[cell] = a }
  }
}
