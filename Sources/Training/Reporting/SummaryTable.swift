/// A table in text: columns aligned, for a terminal or as Markdown.
public struct SummaryTable: Hashable, Sendable {
  /// On which side of its column a cell stands.
  public enum Alignment: Hashable, Sendable {
    /// Words.
    case left
    /// Numbers, so that their digits stand below each other.
    case right
  }

  /// A column's head.
  public struct Column: Hashable, Sendable {
    public var title: String
    public var alignment: Alignment

    public init(_ title: String, _ alignment: Alignment = .left) {
      self.title = title
      self.alignment = alignment
    }
  }

  public let columns: [Column]
  public private(set) var rows: [[String]]

  /// A table whose titles are all empty has no head, as for a list of names and values.
  public init(columns: [Column], rows: [[String]] = []) {
    precondition(!columns.isEmpty, "a table without columns")
    self.columns = columns
    self.rows = []
    for row in rows { append(row) }
  }

  /// Adds a row of one cell a column.
  public mutating func append(_ row: [String]) {
    precondition(row.count == columns.count, "\(row.count) cells in a table of \(columns.count) columns")
    rows.append(row.map { String($0.map { $0.isNewline || $0 == "\t" ? " " : $0 }) })
  }

  /// Lines for a terminal, each ended by a line break; none ends in spaces.
  public var text: String {
    let widths = widths(of: columns.map(\.title), rows)
    func line(_ cells: [String]) -> String {
      var line = zip(cells, zip(columns, widths))
        .map { cell, column in cell.padded(toWidth: column.1, alignment: column.0.alignment) }
        .joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }
    let hasHead = columns.contains { !$0.title.isEmpty }
    let head = line(columns.map(\.title)) + line(widths.map { String(repeating: "─", count: $0) })
    return (hasHead ? head : "") + rows.map(line).joined()
  }

  /// The table in Markdown, columns aligned in the source too.
  public var markdown: String {
    let titles = columns.map { Self.escaped($0.title) }, cells = rows.map { $0.map(Self.escaped) }
    let widths = widths(of: titles, cells).map { max($0, 3) }
    func line(_ cells: [String]) -> String {
      let padded = zip(cells, zip(columns, widths)).map { cell, column in
        cell.padded(toWidth: column.1, alignment: column.0.alignment)
      }
      return "| \(padded.joined(separator: " | ")) |\n"
    }
    let rule = zip(columns, widths).map { column, width in
      column.alignment == .left
        ? String(repeating: "-", count: width) : String(repeating: "-", count: width - 1) + ":"
    }
    return line(titles) + line(rule) + cells.map(line).joined()
  }

  private func widths(of titles: [String], _ rows: [[String]]) -> [Int] {
    columns.indices.map { column in
      rows.reduce(titles[column].displayWidth) { max($0, $1[column].displayWidth) }
    }
  }

  /// A bar within a cell would end it.
  private static func escaped(_ cell: String) -> String {
    cell.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
  }
}
