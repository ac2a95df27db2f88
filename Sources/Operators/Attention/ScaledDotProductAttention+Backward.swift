import Compute

extension ScaledDotProductAttention {
  /// With P = e^(S - logSumExp) and dP = dy Vᵀ: dV = Pᵀ dy, dS = P ∘ (dP - delta), delta the row sums of dy ∘ y,
  /// dQ = scale dS K, dK = scale dSᵀ Q, and dS, summed over what shares it, is the gradient of the bias
  /// (FlashAttention-2, algorithm 2).
  ///
  /// A task owns blocks of keys (see `AttentionGeometry.parts`) and walks over all tiles of queries in their order.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0]?.pointer else { return }
    let plan = AttentionGeometry(self, count: call.inputs.count) { call.inputs[$0].shape }
    let deltas = call.context.sharedScratch
    sumProducts(dy, call.outputs[0].pointer, plan, into: deltas, worker)
    worker.barrier()
    for task in worker.tiles(plan.ownerCount * plan.parts) {
      let owned = plan.owned(by: task / plan.parts), part = task % plan.parts
      for sample in owned.samples {
        for head in owned.heads {
          let isFirst = sample == owned.samples.lowerBound && head == owned.heads.lowerBound
          HeadGradients(plan, call, dy, sample: sample, head: head, part: part, addsToBias: !isFirst)
            .compute(in: call.context.scratch(of: worker))
        }
      }
    }
    guard plan.parts > 1, let dq = call.inputGradients[plan.query.input] else { return }
    worker.barrier()
    mergeParts(deltas + plan.rowCount, plan, dq, worker)
  }

  /// delta = Σ dy y over the channels of a head, `[N, H, Lq]`.
  private func sumProducts(
    _ dy: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ plan: AttentionGeometry,
    into deltas: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let width = plan.valueWidth
    for tokens in worker.ranges(plan.batch * plan.queries, by: max(1, 16_384 / (heads * width))) {
      for token in tokens {
        for head in 0..<heads {
          let start = (token * heads + head) * width
          var sums = Lanes(repeating: 0)
          inLanes(start..<start + width) { at, count in
            sums += dy.lanes(at: at, first: count) * y.lanes(at: at, first: count)
          }
          deltas[plan.firstRow(token / plan.queries, head) + token % plan.queries] = sums.total
        }
      }
    }
  }

  private func mergeParts(
    _ partials: UnsafePointer<Float>, _ plan: AttentionGeometry, _ dq: GradientTarget, _ worker: Worker
  ) {
    let width = heads * plan.width, tokens = plan.batch * plan.queries
    for range in worker.ranges(tokens, by: max(1, 16_384 / width)) {
      for token in range {
        inLanes(0..<width) { at, count in
          var total = partials.lanes(at: token * width + at, first: count)
          for part in 1..<plan.parts { total += partials.lanes(at: (part * tokens + token) * width + at, first: count) }
          dq.put(total, at: token * plan.query.leading + plan.query.offset + at, first: count)
        }
      }
    }
  }
}

/// The gradients that one head of one sample owes to some blocks of its keys.
private struct HeadGradients {
  let plan: AttentionGeometry
  let blocks: Range<Int>
  let queries, keys, values, dy: UnsafePointer<Float>
  let bias: UnsafePointer<Float>?
  let logSumExp, deltas: UnsafePointer<Float>
  /// Where gradients go, those of the queries into the part's own sums if there are several parts.
  let queryGradient, keyGradient, valueGradient: Target?
  let biasGradient: GradientTarget?
  let biasStart: Int

  struct Target {
    let pointer: UnsafeMutablePointer<Float>
    let leading: Int
    let accumulates: Bool

    init?(_ target: GradientTarget?, _ place: AttentionGeometry.Place, _ sample: Int, _ head: Int) {
      guard let target else { return nil }
      pointer = target.pointer + place.start(sample, head)
      leading = place.leading
      accumulates = target.accumulates
    }

    init(_ pointer: UnsafeMutablePointer<Float>, leading: Int) {
      self.pointer = pointer
      self.leading = leading
      accumulates = false
    }
  }

  init(
    _ plan: AttentionGeometry, _ call: BackwardCall, _ dy: UnsafePointer<Float>, sample: Int, head: Int, part: Int,
    addsToBias: Bool
  ) {
    self.plan = plan
    blocks = plan.blocks(ofPart: part)
    queries = UnsafePointer(call.inputs[plan.query.input].pointer + plan.query.start(sample, head))
    keys = UnsafePointer(call.inputs[plan.key.input].pointer + plan.key.start(sample, head))
    values = UnsafePointer(call.inputs[plan.value.input].pointer + plan.value.start(sample, head))
    self.dy = dy + sample * plan.queries * plan.heads * plan.valueWidth + head * plan.valueWidth
    biasStart = plan.biasStart(sample, head)
    bias = plan.bias.map { [biasStart] in UnsafePointer(call.inputs[$0.input].pointer + biasStart) }
    logSumExp = UnsafePointer(call.outputs[1].pointer + plan.firstRow(sample, head))
    deltas = UnsafePointer(call.context.sharedScratch + plan.firstRow(sample, head))
    let dq = call.inputGradients[plan.query.input]
    if plan.parts > 1 && dq != nil {
      let width = plan.heads * plan.width
      queryGradient = Target(
        call.context.sharedScratch + plan.rowCount + (part * plan.batch + sample) * plan.queries * width
          + head * plan.width, leading: width)
    } else {
      queryGradient = Target(dq, plan.query, sample, head)
    }
    keyGradient = Target(call.inputGradients[plan.key.input], plan.key, sample, head)
    valueGradient = Target(call.inputGradients[plan.value.input], plan.value, sample, head)
    let target = plan.bias.flatMap { call.inputGradients[$0.input] }
    biasGradient = target.map { GradientTarget($0.view, accumulates: $0.accumulates || addsToBias) }
  }

  func compute(in scratch: UnsafeMutablePointer<Float>) {
    let tile = plan.queryRows * plan.scoreLeading
    for index in blocks {
      let block = plan.keyBlock(index)
      let scoring = AttentionGeometry.Scoring(
        plan, keys + block.lowerBound * plan.key.leading, leading: plan.key.leading, channels: plan.width,
        count: block.count, memory: scratch + 2 * tile)
      let weighing = AttentionGeometry.Scoring(
        plan, values + block.lowerBound * plan.value.leading, leading: plan.value.leading, channels: plan.valueWidth,
        count: block.count, memory: scratch + 2 * tile + plan.panelFloats(plan.width))
      for tile in 0..<plan.queryTiles {
        // The first tile and the first block write what later ones add to, be it zeros.
        let isNeeded = tile == 0 || index == blocks.lowerBound || biasGradient != nil
        if isNeeded || !plan.isHidden(block, from: plan.queryTile(tile)) {
          compute(
            plan.queryTile(tile), block, scoring, weighing, isFirstTile: tile == 0,
            isFirstBlock: index == blocks.lowerBound, scratch)
        }
      }
    }
  }

  private func compute(
    _ tile: Range<Int>, _ block: Range<Int>, _ scoring: AttentionGeometry.Scoring,
    _ weighing: AttentionGeometry.Scoring, isFirstTile: Bool, isFirstBlock: Bool, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let scores = scratch, slopes = scratch + plan.queryRows * plan.scoreLeading
    let q = queries + tile.lowerBound * plan.query.leading, qLeading = plan.query.leading
    let dyLeading = plan.heads * plan.valueWidth, dy = dy + tile.lowerBound * dyLeading
    scoring(q, leading: qLeading, count: tile.count, into: scores)
    weighing(dy, leading: dyLeading, count: tile.count, into: slopes)
    for row in 0..<tile.count {
      let query = tile.lowerBound + row, place = query * plan.keys + block.lowerBound
      AttentionScores(
        products: scores + row * plan.scoreLeading, bias: bias.map { $0 + place }, scale: plan.scale,
        visible: plan.visible(block, to: query), keys: block.count
      ).differentiate(
        logSumExp: logSumExp[query], delta: deltas[query], slopes: slopes + row * plan.scoreLeading,
        biasGradient: biasGradient, at: biasStart + place)
    }
    if let target = valueGradient {
      plan.multiply(
        scores, transposed: true, rows: block.count, steps: tile.count, dy, leading: dyLeading,
        into: target.pointer + block.lowerBound * target.leading, leading: target.leading, channels: plan.valueWidth,
        accumulate: !isFirstTile || target.accumulates)
    }
    if let target = keyGradient {
      plan.multiply(
        slopes, transposed: true, rows: block.count, steps: tile.count, q, leading: qLeading,
        into: target.pointer + block.lowerBound * target.leading, leading: target.leading, channels: plan.width,
        accumulate: !isFirstTile || target.accumulates)
    }
    if let target = queryGradient {
      plan.multiply(
        slopes, rows: tile.count, steps: block.count, keys + block.lowerBound * plan.key.leading,
        leading: plan.key.leading, into: target.pointer + tile.lowerBound * target.leading, leading: target.leading,
        channels: plan.width, accumulate: !isFirstBlock || target.accumulates)
    }
  }
}
