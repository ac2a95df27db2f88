import CProcessor

/// A `rows × columns` matrix as products read it fastest: panels of 64 neighbouring columns, each stored row after row
/// with nothing between, so that a tile's part of it is one stretch that stays in the first-level cache. The last panel
/// is as wide as it must be in whole vectors, with zeros past the last column.
///
/// Where registers hold fewer lanes than sixteen (AVX2) a panel is one vector wide.
public struct ColumnPanels {
  /// Columns of a panel: as many as a tile's sums fit the registers for.
  public static var width: Int { processor_built_level >= 4 ? 64 : 16 }

  /// What stays in the second-level cache from one block of rows of A to the next: 1 MiB, the other half is for A and C.
  public static var residentFloats: Int { 1 << 18 }

  public let rows: Int
  public let columns: Int
  public let base: UnsafeMutablePointer<Float>

  /// Panels in memory of `floats(rows:columns:)` floats.
  public init(_ base: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    self.base = base
  }

  /// The memory of a matrix in panels, in floats.
  public static func floats(rows: Int, columns: Int) -> Int { rows * Lanes.padded(columns) }

  /// The number of panels.
  public var count: Int { (columns + Self.width - 1) / Self.width }

  /// The columns of a panel.
  func columns(of panel: Int) -> Range<Int> { panel * Self.width..<min((panel + 1) * Self.width, columns) }

  /// Floats from one row of a panel to the next.
  func pitch(of panel: Int) -> Int { Lanes.padded(columns(of: panel).count) }

  /// The place of an element.
  @inline(__always)
  func place(row: Int, column: Int) -> UnsafeMutablePointer<Float> {
    let panel = column / Self.width
    return base + panel * Self.width * rows + row * pitch(of: panel) + column % Self.width
  }

  /// Where sixteen columns from `column`, a multiple of sixteen, of `row` lie.
  public func vector(row: Int, column: Int) -> UnsafeMutablePointer<Float> { place(row: row, column: column) }

  /// Copies rows of one panel from a matrix: as it lies, or transposed.
  public func fill(_ panel: Int, from matrix: MatrixOperand) {
    let columns = columns(of: panel), pitch = pitch(of: panel)
    let target = place(row: 0, column: columns.lowerBound)
    if matrix.isTransposed {
      fillTurned(target, pitch, columns, from: matrix)
      return
    }
    for row in 0..<rows {
      let source = matrix.pointer + row * matrix.leading + columns.lowerBound, line = target + row * pitch
      var column = 0
      while column + 16 <= columns.count {
        line.store(source.lanes(at: column), at: column)
        column += 16
      }
      if column < columns.count { line.store(source.lanes(at: column, count: columns.count - column), at: column) }
    }
  }

  /// Sixteen rows at a time, so that every line that is read is used up while it is in the cache.
  private func fillTurned(
    _ target: UnsafeMutablePointer<Float>, _ pitch: Int, _ columns: Range<Int>, from matrix: MatrixOperand
  ) {
    for first in stride(from: 0, to: rows, by: 16) {
      for column in 0..<pitch {
        let source = matrix.pointer + (columns.lowerBound + column) * matrix.leading
        for row in first..<min(first + 16, rows) {
          target[row * pitch + column] = column < columns.count ? source[row] : 0
        }
      }
    }
  }
}
