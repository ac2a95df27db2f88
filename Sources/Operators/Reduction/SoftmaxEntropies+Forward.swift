import Compute

/// Both entropies from one power of each element.
///
/// The shift is the largest element of a tile, which is found while the means are taken. A channel or a place whose own
/// largest lies far below it would lose digits, and at last its sums; it is computed once more by the definition, with
/// its own largest for a shift. Tiles are merged under the largest of their shifts.
extension SoftmaxEntropies {
  /// Where Σ e^z is less, a row or column is computed by the definition. Products z e^z are rounded by 6e-8 |z|: with
  /// |z| near 20 the entropy is still good to 1e-6.
  private static let leastPowers = 2e-9

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let tiles = ImageTiles(call.inputs[0].shape), channels = tiles.channels
    let x = UnsafePointer(call.inputs[0].pointer)
    let entropies = call.outputs[2].pointer, logarithms = call.outputs[3].pointer, means = call.outputs[4].pointer
    let partials = Partials(call.context.sharedScratch, tiles.partialCount)
    let sums = ChannelSums(in: call.context.scratch(of: worker), channels)
    // The entropy of one element is exactly zero, which only its own shift gives.
    let least = channels == 1 ? .infinity : Self.leastPowers
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index)
      let shift = takeMeans(x, tile.pixels, channels, into: means)
      sums.clear()
      for pixel in tile.pixels {
        let start = pixel * channels
        var row = SoftmaxEntropy.PowerSums()
        inLanes(0..<channels) { channel, count in
          let z = (x.lanes(at: start + channel, first: count) - shift).keeping(first: count, orElse: -200)
          let power = z.boundedExponential
          row.add(z, power)
          sums.add(z, power, at: channel)
          if channel & 255 == 240 { row.flush() }
        }
        row.flush()
        if (pixel - tile.pixels.lowerBound) & 15 == 15 { sums.flush() }
        let powers = row.powers.sum()
        let entropy =
          powers >= least
          ? SoftmaxEntropy.entropy(powers: powers, products: row.products.sum(), shift: shift)
          : SoftmaxEntropy.entropy(ofRow: x + start, channels)
        entropies[pixel] = entropy.value
        logarithms[pixel] = entropy.logarithm
      }
      sums.flush()
      put(sums, shift, x, tile, tiles, in: partials)
    }
    worker.barrier()
    merge(partials, tiles, call.outputs[0].pointer, call.outputs[1].pointer, worker)
  }

  /// Writes the mean of each pixel and gives the largest element of all.
  @inline(__always)
  private func takeMeans(
    _ x: UnsafePointer<Float>, _ pixels: Range<Int>, _ channels: Int, into means: UnsafeMutablePointer<Float>
  ) -> Float {
    var largest = Lanes(repeating: -.infinity)
    for pixel in pixels {
      var sum = Lanes(repeating: 0), top = Lanes(repeating: -.infinity)
      inLanes(0..<channels) { channel, count in
        let lanes = x.lanes(at: pixel * channels + channel, first: count)
        sum += lanes
        let taken = lanes.keeping(first: count, orElse: -.infinity)
        top.replace(with: taken, where: taken .> top)
      }
      means[pixel] = sum.total / Float(channels)
      largest.replace(with: top, where: top .> largest)
    }
    return largest.largest
  }

  /// Leaves a tile's sums for the merge.
  @inline(__always)
  private func put(
    _ sums: ChannelSums, _ shift: Float, _ x: UnsafePointer<Float>, _ tile: ImageTiles.Tile, _ tiles: ImageTiles,
    in partials: Partials
  ) {
    let channels = tiles.channels, first = tile.pixels.lowerBound * channels
    let least = tiles.pixels == 1 ? .infinity : Self.leastPowers
    inLanes(0..<channels) { channel, count in
      let (powers, products) = sums.totals(at: channel), at = tile.partial + channel
      guard (0..<count).contains(where: { !(powers[$0] >= least) }) else {
        partials.store(Lanes(repeating: shift), powers, products, at: at, count)
        return
      }
      var columns = SoftmaxEntropy.Columns(x, at: first + channel, count)
      for step in 0..<tile.pixels.count { columns.raise(x, at: first + channel + step * channels, count) }
      for step in 0..<tile.pixels.count {
        columns.add(x, at: first + channel + step * channels, count)
        if step & 7 == 7 { columns.flush() }
      }
      columns.flush()
      partials.store(columns.largest, columns.sums.powers, columns.sums.products, at: at, count)
    }
  }

  /// Σ e^(x - m) = Σ e^d S and Σ (x - m) e^(x - m) = Σ e^d (P + d S) over the tiles, d a tile's shift less the largest.
  private func merge(
    _ partials: Partials, _ tiles: ImageTiles, _ entropies: UnsafeMutablePointer<Float>,
    _ logarithms: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let channels = tiles.channels
    tiles.results(worker) { image, channel, count, partial in
      var largest = partials.shifts.lanes(at: partial, first: count)
      for chunk in 1..<tiles.chunks {
        let shift = partials.shifts.lanes(at: partial + chunk * channels, first: count)
        largest.replace(with: shift, where: shift .> largest)
      }
      var powers = SIMD16<Double>(repeating: 0), products = SIMD16<Double>(repeating: 0)
      for chunk in 0..<tiles.chunks {
        let part = partial + chunk * channels
        let distance = partials.shifts.lanes(at: part, first: count) - largest
        let factor = SIMD16<Double>(distance.boundedExponential)
        let some = SIMD16<Double>(partials.powers.lanes(at: part, first: count))
        powers += factor * some
        let shifted = SIMD16<Double>(partials.products.lanes(at: part, first: count)) + SIMD16<Double>(distance) * some
        products += factor * shifted
      }
      for lane in 0..<count {
        let entropy = SoftmaxEntropy.entropy(powers: powers[lane], products: products[lane], shift: largest[lane])
        entropies[image * channels + channel + lane] = entropy.value
        logarithms[image * channels + channel + lane] = entropy.logarithm
      }
    }
  }

  /// The shift, Σ e^z and Σ z e^z of every tile and channel.
  private struct Partials {
    let shifts, powers, products: UnsafeMutablePointer<Float>

    init(_ memory: UnsafeMutablePointer<Float>, _ count: Int) {
      shifts = memory
      powers = memory + count
      products = memory + 2 * count
    }

    @inline(__always)
    func store(_ shift: Lanes, _ powers: SIMD16<Double>, _ products: SIMD16<Double>, at place: Int, _ count: Int) {
      shifts.store(shift, at: place, first: count)
      self.powers.store(Lanes(powers), at: place, first: count)
      self.products.store(Lanes(products), at: place, first: count)
    }
  }
}

/// Σ e^z and Σ z e^z of every channel over the places of a tile, in a worker's own scratch memory: in single precision
/// over sixteen places at most, which `flush` adds to sums in double.
struct ChannelSums {
  private let powers, products: UnsafeMutablePointer<Float>
  private let allPowers, allProducts: UnsafeMutablePointer<Double>
  private let padded: Int

  static func floats(_ channels: Int) -> Int { 6 * ChannelPeriod(channels: channels).padded }

  init(in scratch: UnsafeMutablePointer<Float>, _ channels: Int) {
    padded = ChannelPeriod(channels: channels).padded
    powers = scratch
    products = scratch + padded
    allPowers = UnsafeMutableRawPointer(scratch + 2 * padded).assumingMemoryBound(to: Double.self)
    allProducts = allPowers + padded
  }

  func clear() {
    powers.update(repeating: 0, count: 2 * padded)
    allPowers.update(repeating: 0, count: 2 * padded)
  }

  @inline(__always)
  func add(_ z: Lanes, _ power: Lanes, at channel: Int) {
    powers.store(powers.lanes(at: channel) + power, at: channel)
    products.store(products.lanes(at: channel).addingProduct(z, power), at: channel)
  }

  @inline(__always)
  func flush() {
    for channel in stride(from: 0, to: padded, by: 16) {
      let (powers, products) = totals(at: channel)
      UnsafeMutableRawPointer(allPowers + channel).storeBytes(of: powers, as: SIMD16<Double>.self)
      UnsafeMutableRawPointer(allProducts + channel).storeBytes(of: products, as: SIMD16<Double>.self)
    }
    powers.update(repeating: 0, count: 2 * padded)
  }

  /// The sums of sixteen channels, with those that are not flushed yet.
  @inline(__always)
  func totals(at channel: Int) -> (powers: SIMD16<Double>, products: SIMD16<Double>) {
    let some = UnsafeRawPointer(allPowers + channel).loadUnaligned(as: SIMD16<Double>.self)
    let others = UnsafeRawPointer(allProducts + channel).loadUnaligned(as: SIMD16<Double>.self)
    return (some + SIMD16<Double>(powers.lanes(at: channel)), others + SIMD16<Double>(products.lanes(at: channel)))
  }
}
