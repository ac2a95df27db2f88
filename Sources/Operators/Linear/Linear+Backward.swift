import Compute

extension Linear {
  /// With s = dy f'(w x + b), or dy without an activation: dx = s w, dw = sᵀ x, db = Σ s.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0]?.pointer else { return }
    let tiles = LinearTiles(call.inputs[0].shape, weight: call.inputs[1].shape)
    let slopes = call.context.sharedScratch
    let biasSums = slopes + (activation == nil ? 0 : call.outputs[0].count)
    let weightSums = biasSums + (call.inputs.count > 2 ? tiles.rowTiles * tiles.outputs : 0)
    let s = UnsafePointer(activation == nil ? dy : slopes)
    let db = call.inputGradients.count > 2 ? call.inputGradients[2] : nil
    let sums = db == nil ? nil : biasSums, prepares = activation != nil || db != nil
    if let dx = call.inputGradients[0] {
      let columnTiles = EvenTiles.count(tiles.inputs, tiles.inputColumns)
      // A tile that is as wide as the layer prepares its own rows, while they are on their way into the cache.
      let isWide = columnTiles == 1
      if prepares && !isWide {
        for tile in worker.tiles(tiles.rowTiles) { prepare(tile, tiles, call, dy, into: slopes, sums) }
        worker.barrier()
      }
      for tile in worker.tiles(tiles.rowTiles * columnTiles) {
        if prepares && isWide { prepare(tile, tiles, call, dy, into: slopes, sums) }
        let rows = tiles.rowTile(tile / columnTiles), column = tile % columnTiles * tiles.inputColumns
        matrixProduct(
          m: rows.count, n: min(tiles.inputColumns, tiles.inputs - column), k: tiles.outputs,
          MatrixOperand(s + rows.lowerBound * tiles.outputs, leading: tiles.outputs),
          MatrixOperand(call.inputs[1].pointer + column, leading: tiles.inputs),
          into: dx.pointer + rows.lowerBound * tiles.inputs + column, leading: tiles.inputs, accumulate: dx.accumulates)
      }
    } else if prepares {
      for tile in worker.tiles(tiles.rowTiles) { prepare(tile, tiles, call, dy, into: slopes, sums) }
    }
    if let dw = call.inputGradients[1] {
      if activation != nil { worker.barrier() }
      weightProducts(s, tiles, call, dw, weightSums, worker)
    }
    let hasParts = tiles.weightParts > 1 && call.inputGradients[1] != nil
    if db == nil && !hasParts { return }
    worker.barrier()
    if let db { merge(biasSums, tiles.rowTiles, stride: tiles.outputs, count: tiles.outputs, db, worker) }
    if hasParts, let dw = call.inputGradients[1] {
      merge(weightSums, tiles.weightParts, stride: dw.view.count, count: dw.view.count, dw, worker)
    }
  }

  /// s for the rows of a tile, and their sums.
  private func prepare(
    _ tile: Int, _ tiles: LinearTiles, _ call: BackwardCall, _ dy: UnsafePointer<Float>,
    into slopes: UnsafeMutablePointer<Float>, _ biasSums: UnsafeMutablePointer<Float>?
  ) {
    let rows = tiles.rowTile(tile), width = tiles.outputs, start = rows.lowerBound * width
    if let activation {
      let argument = activation.derivativeReads == .input ? call.outputs[1].pointer : call.outputs[0].pointer
      activation.differentiate(dy + start, at: argument + start, into: slopes + start, count: rows.count * width)
    }
    guard let biasSums else { return }
    let sums = biasSums + tile * width, s = activation == nil ? dy : UnsafePointer(slopes)
    sums.update(repeating: 0, count: width)
    var row = rows.lowerBound
    // Four rows for each round trip of the sums.
    while row + 4 <= rows.upperBound {
      let a = s + row * width, b = a + width, c = b + width, d = c + width
      inLanes(0..<width) { at, count in
        let upper = a.lanes(at: at, first: count) + b.lanes(at: at, first: count)
        let lower = c.lanes(at: at, first: count) + d.lanes(at: at, first: count)
        sums.store(sums.lanes(at: at, first: count) + (upper + lower), at: at, first: count)
      }
      row += 4
    }
    addRows(s + row * width, rows: rows.upperBound - row, width: width, to: sums)
  }

  private func weightProducts(
    _ s: UnsafePointer<Float>, _ tiles: LinearTiles, _ call: BackwardCall, _ dw: GradientTarget,
    _ partials: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let columnTiles = EvenTiles.count(tiles.inputs, tiles.weightColumns), parts = tiles.weightParts
    let count = EvenTiles.count(tiles.outputs, tiles.weightRows) * columnTiles
    for task in worker.tiles(count * parts) {
      let part = task / count, row = task % count / columnTiles * tiles.weightRows
      let column = task % columnTiles * tiles.weightColumns
      let first = part * tiles.rows / parts, end = (part + 1) * tiles.rows / parts
      let into = parts == 1 ? dw.pointer : partials + part * dw.view.count
      matrixProduct(
        m: min(tiles.weightRows, tiles.outputs - row), n: min(tiles.weightColumns, tiles.inputs - column),
        k: end - first,
        MatrixOperand(s + first * tiles.outputs + row, leading: tiles.outputs, transposed: true),
        MatrixOperand(call.inputs[0].pointer + first * tiles.inputs + column, leading: tiles.inputs),
        into: into + row * tiles.inputs + column, leading: tiles.inputs, accumulate: parts == 1 && dw.accumulates)
    }
  }
}
