import Compute

/// What a gate sums over the places of each image, where y = gate · (weight (x - mean) r + bias) and h is the gradient at
/// y: Σ h and Σ h (x - mean), from which the gradients at the gate, weight and bias follow.
///
/// dgate = Σ h (weight (x - mean) r + bias); dbias = Σ gate Σ h and dweight = Σ gate Σ h (x - mean) r over the images.
/// Without a norm mean and bias are 0. Kernels add to the partial results themselves: as a method that came out of the
/// compiler as a call for every sixteen elements.
struct GateSums {
  private let tiles: ImageTiles
  /// Partial results of each tile and channel.
  let plain, centered: UnsafeMutablePointer<Float>
  private typealias Row = UnsafeMutablePointer<Float>
  private let norm: (weight: Row, bias: Row, inverse: Row)?

  /// The shared memory that it needs, in floats.
  static func floats(_ tiles: ImageTiles) -> Int { 2 * tiles.partialCount }

  /// - Parameter first: where the norm's four stand among the inputs; `nil` for none.
  init(_ call: BackwardCall, _ tiles: ImageTiles, norm first: Int?) {
    self.tiles = tiles
    centered = call.context.sharedScratch
    plain = centered + tiles.partialCount
    norm = first.map { (call.inputs[$0].pointer, call.inputs[$0 + 1].pointer, call.inputs[$0 + 3].pointer) }
  }

  func clear(_ tile: ImageTiles.Tile) {
    (centered + tile.partial).update(repeating: 0, count: tiles.channels)
    (plain + tile.partial).update(repeating: 0, count: tiles.channels)
  }

  /// The gradients, after a barrier.
  /// - Parameter gates: the gate `[N, 1, 1, C]`; `nil` for one.
  func finish(
    gates: UnsafeMutablePointer<Float>?, dgate: GradientTarget?, dweight: GradientTarget?, dbias: GradientTarget?,
    _ worker: Worker
  ) {
    let channels = tiles.channels
    func row(_ row: Row?, _ channel: Int, _ count: Int, or value: Double) -> SIMD16<Double> {
      row.map { SIMD16<Double>($0.lanes(at: channel, first: count)) } ?? SIMD16(repeating: value)
    }
    tiles.results(worker) { image, channel, count, partial in
      let sum = tiles.total(plain, partial, count), moment = tiles.total(centered, partial, count)
      let scale = row(norm?.weight, channel, count, or: 1) * row(norm?.inverse, channel, count, or: 1)
      let bias = row(norm?.bias, channel, count, or: 0)
      dgate?.put(Lanes(scale * moment + bias * sum), at: image * channels + channel, first: count)
      guard norm != nil else { return }
      let gate = row(gates.map { $0 + image * channels }, channel, count, or: 1)
      plain.store(Lanes(gate * sum), at: partial, first: count)
      centered.store(Lanes(gate * moment), at: partial, first: count)
    }
    guard let norm else { return }
    worker.barrier()
    for range in worker.ranges(channels, by: 16) {
      var sum = SIMD16<Double>(repeating: 0), moment = sum
      for image in 0..<tiles.images {
        let at = image * tiles.chunks * channels + range.lowerBound
        sum += SIMD16<Double>(plain.lanes(at: at, first: range.count))
        moment += SIMD16<Double>(centered.lanes(at: at, first: range.count))
      }
      dbias?.put(Lanes(sum), at: range.lowerBound, first: range.count)
      let inverse = row(norm.inverse, range.lowerBound, range.count, or: 1)
      dweight?.put(Lanes(moment * inverse), at: range.lowerBound, first: range.count)
    }
  }
}
