import Compute

/// The mean over the places of each image and, if asked for, the maximum with its position, while a kernel walks over the
/// activation.
struct PlaceStatistics {
  private let tiles: ImageTiles
  private let hasMaximum: Bool
  private let sums, maxima, positions: UnsafeMutablePointer<Float>

  /// The shared memory that it needs, in floats.
  static func floats(_ tiles: ImageTiles, hasMaximum: Bool) -> Int { (hasMaximum ? 3 : 1) * tiles.partialCount }

  init(_ tiles: ImageTiles, hasMaximum: Bool, in memory: UnsafeMutablePointer<Float>) {
    self.tiles = tiles
    self.hasMaximum = hasMaximum
    (sums, maxima, positions) = (memory, memory + tiles.partialCount, memory + 2 * tiles.partialCount)
  }

  /// Walks over x, sixteen channels down a tile at a time, so that what is kept for a channel stays in registers; the
  /// next tile is asked for line by line meanwhile.
  /// - Parameter value: from x, where it lies and its channel: what the mean is of, and what the maximum is of.
  @inline(__always)
  func walk(
    _ x: UnsafeMutablePointer<Float>, _ worker: Worker,
    _ value: (_ x: Lanes, _ at: Int, _ channel: Int, _ count: Int) -> (Lanes, Lanes)
  ) {
    let channels = tiles.channels, empty = Max.State.empty
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index), first = tile.pixels.lowerBound, inImage = Float(first - tile.image * tiles.pixels)
      var ahead = tile.pixels.upperBound * channels
      inLanes(0..<channels) { channel, count in
        var sum = Lanes(repeating: 0), largest = empty.first, winner = empty.second
        var pixel = Lanes(repeating: inImage), at = first * channels + channel
        let end = at + tile.pixels.count * channels
        while at < end {
          let (summand, candidate) = value(x.lanes(at: at, first: count), at, channel, count)
          x.prefetch(at: ahead)
          ahead += 16
          at += channels
          sum += summand
          guard hasMaximum else { continue }
          let wins = beats(candidate, largest)
          largest.replace(with: candidate, where: wins)
          winner.replace(with: pixel, where: wins)
          pixel += 1
        }
        sums.store(sum, at: tile.partial + channel, first: count)
        guard hasMaximum else { return }
        maxima.store(largest, at: tile.partial + channel, first: count)
        positions.store(winner, at: tile.partial + channel, first: count)
      }
    }
  }

  /// After a barrier: `put` gets the mean, `maximum` and `position` are written, each `[N, 1, 1, C]`.
  @inline(__always)
  func finish(
    maximum: TensorView?, position: TensorView?, _ worker: Worker,
    _ put: (_ mean: SIMD16<Double>, _ at: Int, _ channel: Int, _ count: Int) -> Void
  ) {
    let share = 1 / Double(tiles.pixels)
    tiles.results(worker) { image, channel, count, partial in
      let at = image * tiles.channels + channel
      put(tiles.total(sums, partial, count) * share, at, channel, count)
      guard let maximum, let position else { return }
      var state = Max.State.empty
      for chunk in 0..<tiles.chunks {
        let part = partial + chunk * tiles.channels
        state.merge(Max.State(first: maxima.lanes(at: part, first: count), second: positions.lanes(at: part, first: count)))
      }
      maximum.pointer.store(state.first, at: at, first: count)
      position.pointer.store(state.second, at: at, first: count)
    }
  }
}
