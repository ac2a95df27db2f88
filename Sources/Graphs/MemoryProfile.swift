import Operators

/// How many bytes are alive at each moment of a program, for any choice of nodes that are computed again.
///
/// The search for such a choice asks this some ten thousand times, so it is counted from first and last uses, without
/// building the program. In-place computing by the repeated steps is left out: the figure may be a little high.
package struct MemoryProfile {
  /// What one choice comes to.
  package struct Outcome {
    /// The most bytes alive at once, and the first moment when they are.
    package var peak = 0
    var moment = 0
    /// What the repeated steps cost, in bytes moved.
    var cost = 0
  }

  /// A value of the forward pass that lies in the arena, with the moments that do not depend on the choice.
  private struct Value {
    let bytes: Int
    /// The node that makes it; `nil` for what is given.
    let maker: Int?
    let first: Int
    /// The last moment of the forward pass that needs it.
    var last: Int
    let isResult: Bool
    /// The first and the last moment of the backward pass at which it is read.
    var firstRead = Int.max
    var lastRead = -1
  }

  /// What a multiply-add counts for beside a byte moved: two cores do about ten while they move one.
  private static let multiplyAddsPerByte = 10

  private let values: [Value]
  /// By node: the values it reads and those it writes, what it costs, its working memory.
  private let reads: [[Int]]
  private let writes: [[Int]]
  private let costs: [Int]
  private let scratch: [Int]
  /// Bytes that come and go at each moment whatever is chosen: gradients and working memory.
  private let fixed: [Int]
  /// For the choice looked at last: the first and the last moment of the backward pass that reads each value, repeated
  /// steps included, and the bytes alive at each moment.
  private var firstDemand: [Int]
  private(set) var lastDemand: [Int]
  private(set) var alive: [Int]

  // Two moments a step: just before it, when what it needs is computed again, and itself.
  private static func before(_ step: Int) -> Int { 2 * step + 1 }
  private static func during(_ step: Int) -> Int { 2 * step + 2 }

  package init(_ program: Program, workers: Int) {
    var values: [Value] = [], number = [Int?](repeating: nil, count: program.cells.count)
    func add(_ use: Program.Use?, maker: Int?, at moment: Int) -> Int? {
      guard let cell = use?.cell, program.cells[cell].place == .arena else { return nil }
      if number[cell] == nil {
        number[cell] = values.count
        values.append(
          Value(
            bytes: program.byteCount(of: cell), maker: maker, first: maker == nil ? 0 : moment, last: moment,
            isResult: program.cells[cell].isResult))
      }
      values[number[cell]!].last = moment
      return number[cell]
    }
    var reads: [[Int]] = [], writes: [[Int]] = []
    for (index, step) in program.steps[..<program.forwardCount].enumerated() {
      reads.append(step.reads.compactMap { add($0, maker: nil, at: Self.during(index)) })
      writes.append(step.writes.compactMap { add($0, maker: index, at: Self.during(index)) })
    }
    for (index, step) in program.steps.enumerated() {
      if index < program.forwardCount {
        // What is consumed in place is gone when its reader begins to write.
        guard let cell = program.consumedInPlace(by: step), let value = number[cell], !values[value].isResult,
          values[value].last == Self.during(index)
        else { continue }
        values[value].last = Self.before(index)
      } else {
        for case let use? in step.keptInputs + step.keptOutputs {
          guard let value = number[use.cell] else { continue }
          values[value].firstRead = min(values[value].firstRead, Self.during(index))
          values[value].lastRead = Self.during(index)
        }
      }
    }
    scratch = program.steps.map { program.scratchFloats(of: $0, workers: workers) * MemoryLayout<Float>.stride }
    var fixed = [Int](repeating: 0, count: Self.during(program.steps.count) + 2)
    for (cell, interval) in Liveness(program).intervals where number[cell] == nil {
      fixed[Self.during(interval.first)] += program.byteCount(of: cell)
      fixed[Self.during(interval.last) + 1] -= program.byteCount(of: cell)
    }
    for (index, bytes) in scratch.enumerated() {
      fixed[Self.during(index)] += bytes
      fixed[Self.during(index) + 1] -= bytes
    }
    costs = program.steps[..<program.forwardCount].map { Self.cost(of: $0, in: program) }
    (self.values, self.reads, self.writes, self.fixed, alive) = (values, reads, writes, fixed, fixed)
    (firstDemand, lastDemand) = (values.map(\.firstRead), values.map(\.lastRead))
  }

  /// What a step costs, in bytes moved.
  package static func cost(of step: Program.Step, in program: Program) -> Int {
    program.bytesMoved(by: step) + program.multiplyAdds(of: step) / multiplyAddsPerByte
  }

  /// Looks at the choice of the nodes that are marked in `repeated`.
  package mutating func evaluate(_ repeated: [Bool]) -> Outcome {
    var outcome = Outcome()
    for (index, value) in values.enumerated() {
      firstDemand[index] = value.firstRead
      lastDemand[index] = value.lastRead
    }
    for moment in fixed.indices { alive[moment] = fixed[moment] }
    // From the last node back: whoever reads a node's results comes after it.
    for node in repeated.indices.reversed() where repeated[node] {
      let need = demand(for: node)
      guard need < .max else { continue }
      outcome.cost += costs[node]
      for value in reads[node] {
        firstDemand[value] = min(firstDemand[value], need)
        lastDemand[value] = max(lastDemand[value], need)
      }
      for value in writes[node] { count(values[value].bytes, from: need, to: max(lastDemand[value], need)) }
      count(scratch[node], from: need, to: need)
    }
    for (index, value) in values.enumerated() {
      let isDropped = value.maker.map { repeated[$0] } ?? false
      let last = isDropped ? value.last : max(value.last, lastDemand[index])
      count(value.bytes, from: value.first, to: value.isResult ? alive.count - 2 : last)
    }
    var sum = 0
    for moment in alive.indices {
      sum += alive[moment]
      alive[moment] = sum
      if sum > outcome.peak { (outcome.peak, outcome.moment) = (sum, moment) }
    }
    return outcome
  }

  private mutating func count(_ bytes: Int, from first: Int, to last: Int) {
    alive[first] += bytes
    alive[last + 1] -= bytes
  }

  // What the search asks about the choice looked at last.

  /// The moment before the backward step that first needs a result of `node`, directly or by way of a repeated one;
  /// `Int.max` where none does.
  func demand(for node: Int) -> Int {
    let first = writes[node].reduce(Int.max) { min($0, firstDemand[$1]) }
    return first == .max ? first : (first - 1) | 1
  }

  /// Whether `node` is done at `moment`, and its results are not needed before a later one.
  func isWaiting(_ node: Int, at moment: Int) -> Bool {
    Self.during(node) < moment && moment < demand(for: node) && demand(for: node) < .max
  }

  /// The makers of those inputs of `node` that nobody needs at `moment` or later.
  func makersOfUnneeded(inputsOf node: Int, at moment: Int) -> [Int] {
    reads[node].filter { lastDemand[$0] < moment }.compactMap { values[$0].maker }
  }

  /// What `node` writes into the arena.
  func outputBytes(of node: Int) -> Int { writes[node].reduce(0) { $0 + values[$1].bytes } }
}

extension Program {
  fileprivate func byteCount(of cell: Int) -> Int { cells[cell].count * MemoryLayout<Float>.stride }

  /// The cell whose memory a forward step's first output may take, if nobody reads it later.
  fileprivate func consumedInPlace(by step: Step) -> Int? {
    guard let input = graph.nodes[step.node!].subject.inPlace.forward, let from = step.reads[input],
      let to = step.writes[0], cells[to.cell].place == .arena, cells[from.cell].count == cells[to.cell].count,
      step.touched.count(where: { $0 == from.cell }) == 1
    else { return nil }
    return from.cell
  }
}
