/// Mean and sum of squared deviations (M2) of every column of a matrix, as its rows come in, a few at a time.
///
/// r rows with mean m and M2 = Σ (c - m)² join n rows before them by the formula of Chan, Golub and LeVeque (1983): with
/// d = m - mean, mean += d r / (n + r) and M2 += M2ᵣ + d² n r / (n + r). No term is a difference of large numbers,
/// however far the mean lies from zero.
public struct ColumnMoments {
  /// Rows of whole vectors.
  public let means: UnsafeMutablePointer<Float>
  public let squares: UnsafeMutablePointer<Float>

  public init(means: UnsafeMutablePointer<Float>, squares: UnsafeMutablePointer<Float>) {
    (self.means, self.squares) = (means, squares)
  }

  /// The same from `column` on.
  func advanced(by column: Int) -> ColumnMoments { ColumnMoments(means: means + column, squares: squares + column) }

  /// How `rows` rows are weighed that come after `seen` others.
  public struct Weight {
    fileprivate let mean: Float
    fileprivate let square: Float

    @inline(__always)
    public init(rows: Int, after seen: Int) {
      mean = Float(rows) / Float(seen + rows)
      square = Float(seen) * mean
    }
  }

  /// Takes in sixteen columns of some rows. What was there before the first rows may be anything.
  @inline(__always)
  public func add(mean: Lanes, squares new: Lanes, at column: Int, _ weight: Weight) {
    guard weight.square > 0 else {
      means.store(mean, at: column)
      squares.store(new, at: column)
      return
    }
    let before = means.lanes(at: column), distance = mean - before
    means.store(before + distance * weight.mean, at: column)
    squares.store(squares.lanes(at: column) + new + distance * distance * weight.square, at: column)
  }
}
