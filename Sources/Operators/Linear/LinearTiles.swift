import Compute

/// How the three products of a fully connected layer are cut into tiles: from shapes alone.
struct LinearTiles {
  let rows, inputs, outputs: Int
  /// Rows of a tile of y and dx, and columns of each.
  let tileRows, outputColumns, inputColumns: Int
  /// The tile of dw, `weightRows` of the outputs by `weightColumns` of the inputs, and the parts of the rows that are
  /// summed apart.
  let weightRows, weightColumns, weightParts: Int

  init(rows: Int, inputs: Int, outputs: Int) {
    self.rows = rows
    self.inputs = inputs
    self.outputs = outputs
    // Every product packs its operands again: the taller and wider a tile, the less that costs. Many rows are cut along
    // the rows alone (a weight of 1,536 x 384 stays in the cache), few rows along both.
    // Tall tiles come in eights, so that 2, 4 or 8 workers get as many each.
    let isTall = rows > 16 * 256
    let most = isTall ? EvenTiles.count(rows, (EvenTiles.count(rows, 256) + 7) / 8 * 8) : 256
    tileRows = EvenTiles.size(rows, most: most, step: 4)
    outputColumns = EvenTiles.size(outputs, most: isTall ? 1_536 : 256, step: 16)
    inputColumns = EvenTiles.size(inputs, most: isTall ? 1_536 : 256, step: 16)
    weightRows = EvenTiles.size(outputs, most: 256, step: 16)
    weightColumns = EvenTiles.size(inputs, most: 256, step: 16)
    let tiles = EvenTiles.count(outputs, weightRows) * EvenTiles.count(inputs, weightColumns)
    // Weights of few tiles would leave workers idle: parts of at least 512 rows give them some, 16 in all.
    weightParts = max(1, min((16 + tiles - 1) / tiles, rows / 512))
  }

  var rowTiles: Int { EvenTiles.count(rows, tileRows) }

  func rowTile(_ index: Int) -> Range<Int> { index * tileRows..<min((index + 1) * tileRows, rows) }
}
