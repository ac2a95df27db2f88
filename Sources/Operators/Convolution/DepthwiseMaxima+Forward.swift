import Compute

/// A filter that is the product of a column and a row, as a Gaussian blur is, goes by `SeparableFilter`: the column makes
/// one line, the row's sums are compared as they come and never written. Any other makes a band of the result, of which
/// the maxima are taken then.
extension DepthwiseMaxima {
  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let geometry = geometry(call.inputs.map(\.shape), call.outputs.map(\.shape)), channels = geometry.channels
    let x = call.inputs[0].pointer, weight = call.inputs[1].pointer, imageFloats = call.inputs[0].count / geometry.images
    let height = geometry.forward.rows.outputs, width = geometry.forward.columns.outputs
    let memory = call.context.scratch(of: worker), partials = call.context.sharedScratch
    let line = SeparableFilter(
      weight, height: geometry.kernelHeight, width: geometry.kernelWidth, channels: channels
    ).map { BlurredLine($0, geometry.forward, channels, in: memory) }
    for unit in worker.tiles(geometry.units) {
      let (image, number) = unit.quotientAndRemainder(dividingBy: geometry.bands)
      let rows = geometry.outputRows(of: number), first = image * height * width
      let maxima = RunningMaxima(
        in: partials + unit * RunningMaxima.floats(channels), channels, places: call.outputs[2].pointer + first,
        winners: call.outputs[3].pointer + first)
      maxima.start(at: rows.lowerBound * width)
      if let line {
        for row in rows { line.takeMaxima(of: x + image * imageFloats, row: row, into: maxima) }
      } else {
        // The kernel writes where the whole result would have this band. (Channels in blocks of 32, whose rows would
        // stay in the first cache, took 1.3 times as long.)
        let before = (first + rows.lowerBound * width) * channels, shape: Shape = [geometry.images, height, width, channels]
        geometry.correlateDirectly(
          x, weight, nil, along: geometry.forward, image: image, rows: rows,
          into: GradientTarget(TensorView(memory - before, shape), accumulates: false))
        for pixel in 0..<rows.count * width {
          maxima.take(memory + pixel * channels, at: rows.lowerBound * width + pixel)
        }
      }
    }
    worker.barrier()
    let largest = call.outputs[0].pointer, positions = call.outputs[1].pointer
    for image in worker.tiles(geometry.images) {
      for channel in stride(from: 0, to: channels, by: 16) {
        var state = Max.State.empty
        for number in 0..<geometry.bands {
          let part = partials + (image * geometry.bands + number) * RunningMaxima.floats(channels) + channel
          state.merge(Max.State(first: part.lanes(at: 0), second: part.lanes(at: channels)))
        }
        largest.store(state.first, at: image * channels + channel)
        positions.store(state.second, at: image * channels + channel)
      }
    }
  }
}

/// The maxima of pixels that come one after the other: over the channels of each, and of each channel so far.
struct RunningMaxima {
  private let largest: UnsafeMutablePointer<Float>, positions: UnsafeMutablePointer<Float>
  private let places: UnsafeMutablePointer<Float>, winners: UnsafeMutablePointer<Float>
  private let channels: Int

  static func floats(_ channels: Int) -> Int { 2 * channels }

  /// - Parameters:
  ///   - memory: for each channel's maximum and then its position.
  ///   - places: where each pixel's maximum goes, and in `winners` its channel.
  init(
    in memory: UnsafeMutablePointer<Float>, _ channels: Int, places: UnsafeMutablePointer<Float>,
    winners: UnsafeMutablePointer<Float>
  ) {
    (largest, positions) = (memory, memory + channels)
    (self.places, self.winners, self.channels) = (places, winners, channels)
  }

  /// Forgets all channels; the next pixel is `place`.
  func start(at place: Int) {
    largest.update(repeating: -.infinity, count: channels)
    positions.update(repeating: Float(place), count: channels)
  }

  /// Takes the pixel `place`, whose channels lie at `row`.
  @inline(never)
  func take(_ row: UnsafePointer<Float>, at place: Int) { take(at: place) { row.lanes(at: $0) } }

  /// Takes the pixel `place`, whose channels are the sums over five taps.
  @inline(never)
  func take(_ source: UnsafePointer<Float>, step: Int, _ taps: UnsafePointer<Float>, at place: Int) {
    let sums = FiveTaps(source, step: step, taps)
    take(at: place) { sums[$0] }
  }

  @inline(__always)
  private func take(at pixel: Int, _ values: (Int) -> Lanes) {
    let place = Lanes(repeating: Float(pixel))
    var best = Lanes(repeating: -.infinity), winner = Lanes.ascending
    for channel in stride(from: 0, to: channels, by: 16) {
      let value = values(channel)
      let wins = beats(value, best)
      best.replace(with: value, where: wins)
      winner.replace(with: Lanes.ascending + Float(channel), where: wins)
      var most = largest.lanes(at: channel), position = positions.lanes(at: channel)
      let isMost = beats(value, most)
      most.replace(with: value, where: isMost)
      position.replace(with: place, where: isMost)
      largest.store(most, at: channel)
      positions.store(position, at: channel)
    }
    let state = Max.State(first: best, second: winner).acrossLanes()
    places[pixel] = state.first[0]
    winners[pixel] = state.second[0]
  }
}

/// One line of a map blurred along its columns, from which the row's taps make the pixels of an output row.
struct BlurredLine {
  private let filter: SeparableFilter
  private let plane: TapPlane
  private let channels: Int
  private let line: UnsafeMutablePointer<Float>, pixel: UnsafeMutablePointer<Float>

  static func floats(_ plane: TapPlane, _ channels: Int) -> Int { (SeparableFilter.linePixels(plane) + 1) * channels }

  init(_ filter: SeparableFilter, _ plane: TapPlane, _ channels: Int, in memory: UnsafeMutablePointer<Float>) {
    (self.filter, self.plane, self.channels) = (filter, plane, channels)
    line = memory
    pixel = memory + SeparableFilter.linePixels(plane) * channels
    // The padding stays zero.
    memory.update(repeating: 0, count: SeparableFilter.linePixels(plane) * channels)
  }

  func takeMaxima(of image: UnsafePointer<Float>, row: Int, into maxima: RunningMaxima) {
    filter.mixColumn(image, along: plane, row: row, channels: channels, into: line)
    let step = plane.columns.sourceStep * channels
    filter.withRow { taps, count in
      for column in 0..<plane.columns.outputs {
        let source = line + column * plane.columns.advance * channels, place = row * plane.columns.outputs + column
        if count == 5 {
          maxima.take(source, step: step, taps, at: place)
        } else {
          SeparableFilter.mix(source, step: step, taps, count, into: pixel, count: channels)
          maxima.take(pixel, at: place)
        }
      }
    }
  }
}
