import Compute

extension ScaledDotProductAttention {
  /// A task is a tile of queries of one head. It walks over the blocks of keys with the largest logit m and the sum l
  /// so far: y <- e^(m - m') y + e^(S - m') V and l <- e^(m - m') l + Σ e^(S - m') for the next block's m', at the end
  /// y / l (FlashAttention-2, algorithm 1; Milakov, Gimelshein 2018).
  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let plan = AttentionGeometry(self, count: call.inputs.count) { call.inputs[$0].shape }, tiles = plan.queryTiles
    for task in worker.tiles(plan.batch * heads * tiles) {
      attend(plan, sample: task / tiles / heads, head: task / tiles % heads, plan.queryTile(task % tiles), call, worker)
    }
  }

  private func attend(
    _ plan: AttentionGeometry, sample: Int, head: Int, _ tile: Range<Int>, _ call: ForwardCall, _ worker: Worker
  ) {
    let queries = call.inputs[plan.query.input].pointer + plan.query.start(sample, head)
    let keys = call.inputs[plan.key.input].pointer + plan.key.start(sample, head)
    let values = call.inputs[plan.value.input].pointer + plan.value.start(sample, head)
    let bias = plan.bias.map { call.inputs[$0.input].pointer + plan.biasStart(sample, head) }
    let leading = heads * plan.valueWidth, width = plan.valueWidth
    let y = call.outputs[0].pointer + (sample * plan.queries + tile.lowerBound) * leading + head * width
    let logSumExp = call.outputs[1].pointer + plan.firstRow(sample, head) + tile.lowerBound
    let scores = call.context.scratch(of: worker)
    let maxima = scores + plan.queryRows * plan.scoreLeading, sums = maxima + plan.queryRows
    let panels = sums + plan.queryRows
    maxima.update(repeating: -.infinity, count: tile.count)
    sums.update(repeating: 0, count: tile.count)
    for index in 0..<plan.keyBlocks {
      let block = plan.keyBlock(index)
      if index > 0 && plan.isHidden(block, from: tile) { break }
      AttentionGeometry.Scoring(
        plan, keys + block.lowerBound * plan.key.leading, leading: plan.key.leading, channels: plan.width,
        count: block.count, memory: panels
      )(queries + tile.lowerBound * plan.query.leading, leading: plan.query.leading, count: tile.count, into: scores)
      for row in 0..<tile.count {
        let query = tile.lowerBound + row
        let factor = AttentionScores(
          products: scores + row * plan.scoreLeading, bias: bias.map { $0 + query * plan.keys + block.lowerBound },
          scale: plan.scale, visible: plan.visible(block, to: query), keys: block.count
        ).exponentiate(&maxima[row], &sums[row])
        if index > 0 && factor != 1 { scale(y + row * leading, width, by: factor) }
      }
      plan.multiply(
        scores, rows: tile.count, steps: block.count, values + block.lowerBound * plan.value.leading,
        leading: plan.value.leading, into: y, leading: leading, channels: width, accumulate: index > 0)
    }
    for row in 0..<tile.count {
      // Of no keys at all y is 0, and in the backward pass e^(S - infinity) is as well.
      scale(y + row * leading, width, by: sums[row] == 0 ? 0 : 1 / sums[row])
      logSumExp[row] = sums[row] == 0 ? .infinity : maxima[row] + Lanes(repeating: sums[row]).logarithm[0]
    }
  }

  @inline(__always)
  private func scale(_ row: UnsafeMutablePointer<Float>, _ width: Int, by factor: Float) {
    inLanes(0..<width) { at, count in row.store(row.lanes(at: at, first: count) * factor, at: at, first: count) }
  }
}
