import Communication
import Training

/// Which rank has which processors: one line a rank, one character a processor, memory nodes apart.
///
///     node07        0       8        16      24
///       rank 0      █████████░░░░░░░ ················
///       rank 1      ················ ███████░░░░░░░░░
///
/// █ a worker of its own, ░ the rank may use it, · it may not.
struct NodeDrawing {
  /// Processors of a line; wider machines take several.
  private static let width = 64

  let host: String
  /// By memory node.
  let nodes: [[Int]]
  let ranks: [Row]

  struct Row {
    let rank: Int
    let allowed: Set<Int>
    let workers: Set<Int>
  }

  init(host: String, nodes: [[Int]], ranks: [ProcessorReport.Rank]) {
    self.host = host
    self.ranks = ranks.map {
      Row(
        rank: $0.rank, allowed: ProcessorMask.processors(in: $0.processors),
        workers: Set($0.workerProcessors.compactMap { Int($0) }))
    }
    // Some containers show another list of processors than the mask has.
    let known = Set(nodes.joined()), others = self.ranks.reduce(into: Set<Int>()) { $0.formUnion($1.allowed) }
    let rest = others.subtracting(known).sorted()
    self.nodes = nodes.filter { !$0.isEmpty } + (rest.isEmpty ? [] : [rest])
  }

  /// One for each machine of the job, in the order of its first rank.
  static func drawings(_ report: JobReport) -> [NodeDrawing] {
    let hosts = report.machines.map(\.host).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    return hosts.map { host in
      NodeDrawing(
        host: host, nodes: report.machines.first { $0.host == host }!.nodes,
        ranks: report.processors.ranks.filter { $0.host == host })
    }
  }

  var text: String {
    let title = max(host.count, "  rank \(ranks.map(\.rank).max() ?? 0)".count) + 2
    func label(_ text: String) -> String { text + String(repeating: " ", count: max(title - text.count, 1)) }
    return pieces.map { piece in
      let line = { (cell: (Int) -> Character) in piece.map { String($0.map(cell)) }.joined(separator: " ") }
      let rows = ranks.map { row in
        label("  rank \(row.rank)")
          + line { row.workers.contains($0) ? "█" : row.allowed.contains($0) ? "░" : "·" } + "\n"
      }
      return label(host) + numbers(piece) + "\n" + rows.joined()
    }.joined()
  }

  /// The nodes cut into lines of at most `width` processors.
  private var pieces: [[[Int]]] {
    var lines: [[[Int]]] = []
    var count = Self.width
    for node in nodes {
      for start in stride(from: 0, to: node.count, by: Self.width) {
        let part = Array(node[start..<min(start + Self.width, node.count)])
        if count + part.count > Self.width {
          lines.append([])
          count = 0
        }
        lines[lines.count - 1].append(part)
        count += part.count
      }
    }
    return lines
  }

  /// The number of the first processor of each node, and of every eighth.
  private func numbers(_ nodes: [[Int]]) -> String {
    var text = "", column = 0
    for node in nodes {
      for (index, processor) in node.enumerated() {
        if index % 8 == 0 && text.count <= column {
          text += String(repeating: " ", count: column - text.count) + "\(processor) "
        }
        column += 1
      }
      column += 1
    }
    while text.last == " " { text.removeLast() }
    return text
  }
}
