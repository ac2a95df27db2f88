/// How an extent is cut into tiles of about the same size, so that no worker and no pass over memory gets a small rest.
public enum EvenTiles {
  /// The size, a multiple of `step`, of even tiles that cut `extent` into as few parts as tiles of `most` would.
  public static func size(_ extent: Int, most: Int, step: Int = 1) -> Int {
    let parts = count(extent, most)
    return count(count(extent, parts), step) * step
  }

  /// The tiles of `size` that cover `extent`.
  public static func count(_ extent: Int, _ size: Int) -> Int { (extent + size - 1) / size }
}
