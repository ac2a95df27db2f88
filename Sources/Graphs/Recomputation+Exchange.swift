/// The way down from where everything is computed again: values that are kept as checkpoints cut the backward pass into
/// stretches, each of which repeats its own part of the forward pass.
///
/// Adding node after node hardly finds such a cut, for a checkpoint pays only when all around it is repeated. At
/// ResNet-50 with 32 images it ends at 827 MiB, this way at 742.
extension Recomputation {
  /// Lowers the peak by a hundredth: turns nodes over, from repeated to kept or back, as long as that shrinks what is
  /// alive above the new peak, summed over all moments. (Of the peak alone, nothing can be had where several moments are
  /// nearly as full.) False where no node and no two nodes do.
  mutating func exchange(_ candidates: [Bool]) -> Bool {
    let before = repeated, target = outcome.peak - outcome.peak / 100
    _ = profile.evaluate(repeated)
    var excess = excess(above: target)
    let nodes = candidates.indices.filter { candidates[$0] }
    while excess > 0 {
      guard let (turned, left) = bestExchange(nodes, above: target, than: excess) else {
        repeated = before
        return false
      }
      turn(turned)
      excess = left
    }
    outcome = profile.evaluate(repeated)
    return true
  }

  /// The node, or else the pair of larger ones, that leaves the least excess when turned over.
  private mutating func bestExchange(
    _ nodes: [Int], above target: Int, than excess: Int
  ) -> (turned: [Int], excess: Int)? {
    var best: (turned: [Int], excess: Int)?
    func look(_ turned: [Int], _ search: inout Recomputation) {
      search.turn(turned)
      _ = search.profile.evaluate(search.repeated)
      search.turn(turned)
      let left = search.excess(above: target)
      if left < best?.excess ?? excess { best = (turned, left) }
    }
    for node in nodes { look([node], &self) }
    if best != nil { return best }
    let larger = nodes.sorted { (profile.outputBytes(of: $0), $1) > (profile.outputBytes(of: $1), $0) }.prefix(100)
    for (index, node) in larger.enumerated() {
      for other in larger[(index + 1)...] { look([node, other], &self) }
    }
    return best
  }

  private mutating func turn(_ nodes: [Int]) {
    for node in nodes { repeated[node].toggle() }
  }

  /// Bytes above `target`, summed over the moments of the choice looked at last.
  private func excess(above target: Int) -> Int { profile.alive.reduce(0) { $0 + max($1 - target, 0) } }

  /// `result`, or one within `budget` that computes less again: what costs most is kept, as long as the peak allows.
  mutating func cheaper(than result: Program, _ candidates: [Bool], budget: Int) -> Program {
    let peak = outcome.peak
    while true {
      var best: (node: Int, cost: Int)?
      for node in candidates.indices where repeated[node] {
        turn([node])
        let then = profile.evaluate(repeated)
        turn([node])
        if then.peak <= peak, then.cost < best?.cost ?? outcome.cost { best = (node, then.cost) }
      }
      guard let best else { break }
      turn([best.node])
      outcome = profile.evaluate(repeated)
    }
    let cheaper = self.result
    return ArenaLayout(cheaper, workers: workers).byteCount <= budget ? cheaper : result
  }
}
