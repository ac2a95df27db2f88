import Compute

/// dx[p + t] += dy w[t] and dw[t] += dy x[p + t] over the taps t of each winner p.
///
/// dx goes by images, or for few of them by parts of an image's rows, to which the winners that reach them give their
/// taps there. The filters' gradients go by images.
extension DepthwiseMaxima {
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    let geometry = geometry(call.inputs.map(\.shape), call.outputs.map(\.shape))
    if let dx = call.inputGradients[0] {
      let height = geometry.back.rows.outputs, row = dx.view.count / (geometry.images * height)
      let parts = max(1, min(height, 16 / geometry.images))
      for unit in worker.tiles(geometry.images * parts) {
        let (image, part) = unit.quotientAndRemainder(dividingBy: parts)
        let rows = part * height / parts..<(part + 1) * height / parts
        if !dx.accumulates {
          (dx.pointer + (image * height + rows.lowerBound) * row).update(repeating: 0, count: rows.count * row)
        }
        Winners(call, geometry, image: image).spread(to: dx, rows: rows)
      }
    }
    guard let dw = call.inputGradients[1] else { return }
    let filters = call.inputs[1].count, partials = call.context.sharedScratch
    for image in worker.tiles(geometry.images) {
      let sums = partials + image * filters
      sums.update(repeating: 0, count: filters)
      Winners(call, geometry, image: image).addFilterGradients(to: sums)
    }
    worker.barrier()
    merge(partials, geometry.images, stride: filters, count: filters, dw, worker)
  }
}

/// The way back from the winners of one image: to each place's channel, and to each channel's place.
struct Winners {
  private let plane: TapPlane, back: TapAxis
  private let kernelWidth: Int, channels: Int, first: Int
  private let x: UnsafePointer<Float>, weight: UnsafePointer<Float>
  private let ofChannels: UnsafePointer<Float>?, ofPlaces: UnsafePointer<Float>?
  private let placeOfChannel: UnsafePointer<Float>, channelOfPlace: UnsafePointer<Float>

  /// The winners of `image` by the arguments of `DepthwiseMaxima`.
  init(_ call: BackwardCall, _ geometry: DepthwiseGeometry, image: Int) {
    (plane, back) = (geometry.forward, geometry.back.rows)
    (kernelWidth, channels) = (geometry.kernelWidth, geometry.channels)
    let places = plane.rows.outputs * plane.columns.outputs
    first = image * plane.rows.sources * plane.columns.sources * channels
    (x, weight) = (UnsafePointer(call.inputs[0].pointer), UnsafePointer(call.inputs[1].pointer))
    ofChannels = call.outputGradients[0].map { UnsafePointer($0.pointer) + image * geometry.channels }
    ofPlaces = call.outputGradients[2].map { UnsafePointer($0.pointer) + image * places }
    placeOfChannel = UnsafePointer(call.outputs[1].pointer) + image * channels
    channelOfPlace = UnsafePointer(call.outputs[3].pointer) + image * places
  }

  /// Adds to `rows` of the image's dx.
  func spread(to dx: GradientTarget, rows: Range<Int>) {
    guard !rows.isEmpty else { return }
    forEach(in: back.reach(of: rows).clamped(to: 0..<plane.rows.outputs)) { slope, place, channel in
      forEachTap(of: place, in: rows) { pixel, tap in
        dx.pointer[first + pixel * channels + channel] += slope * weight[tap * channels + channel]
      }
    }
  }

  /// Adds to the gradients of the filters.
  func addFilterGradients(to sums: UnsafeMutablePointer<Float>) {
    forEach(in: 0..<plane.rows.outputs) { slope, place, channel in
      forEachTap(of: place, in: 0..<plane.rows.sources) { pixel, tap in
        sums[tap * channels + channel] += slope * x[first + pixel * channels + channel]
      }
    }
  }

  /// Row by row: what the winners of a row touch lies together, while the channels' winners lie anywhere.
  @inline(__always)
  private func forEach(in rows: Range<Int>, _ body: (_ slope: Float, _ place: Int, _ channel: Int) -> Void) {
    for row in rows {
      let start = row * plane.columns.outputs, end = start + plane.columns.outputs
      if let ofChannels {
        for channel in 0..<channels where placeOfChannel[channel] >= Float(start) && placeOfChannel[channel] < Float(end) {
          body(ofChannels[channel], Int(placeOfChannel[channel]), channel)
        }
      }
      if let ofPlaces {
        for place in start..<end { body(ofPlaces[place], place, Int(channelOfPlace[place])) }
      }
    }
  }

  /// The pixels that the taps of `place` read in `rows` of x, and the taps.
  @inline(__always)
  private func forEachTap(of place: Int, in rows: Range<Int>, _ body: (_ pixel: Int, _ tap: Int) -> Void) {
    let (row, column) = place.quotientAndRemainder(dividingBy: plane.columns.outputs)
    let down = plane.rows.inside(plane.rows.taps(of: row)), across = plane.columns.inside(plane.columns.taps(of: column))
    for u in 0..<down.count where rows.contains(down.source + u * down.sourceStep) {
      let line = (down.source + u * down.sourceStep) * plane.columns.sources + across.source
      let taps = (down.first + u * down.step) * kernelWidth + across.first
      for v in 0..<across.count { body(line + v * across.sourceStep, taps + v * across.step) }
    }
  }
}
