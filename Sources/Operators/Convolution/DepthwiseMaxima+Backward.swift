import Compute

/// dx[p + t] += dy w[t] and dw[t] += dy x[p + t] over the taps t of each winner p.
///
/// dx goes by images, or for few of them by parts of an image's rows, each row made in a worker's own memory
/// (`SlopeLine`). The filters' gradients go by images.
extension DepthwiseMaxima {
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    let geometry = geometry(call.inputs.map(\.shape), call.outputs.map(\.shape))
    if let dx = call.inputGradients[0] {
      let height = geometry.back.rows.outputs, parts = max(1, min(height, 16 / geometry.images))
      let line = SlopeLine(geometry, call.inputs[1].pointer, in: call.context.scratch(of: worker))
      for unit in worker.tiles(geometry.images * parts) {
        let (image, part) = unit.quotientAndRemainder(dividingBy: parts)
        let winners = Winners(call, geometry, image: image)
        for row in part * height / parts..<(part + 1) * height / parts {
          winners.spread(to: line, row: row)
          line.take(to: dx, from: (image * height + row) * line.count)
        }
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

/// One row of dx in the making.
///
/// A winner's taps are a pixel apart in dx and in the filters, so that each would wait for a cache line of its own, and
/// pixels of 1,024 channels, a page each, would share a set of the cache. Here a row stays in the second-level cache,
/// its pixels a line apart modulo a page, and the taps of a channel lie side by side.
struct SlopeLine {
  private let pixels: UnsafeMutablePointer<Float>, filters: UnsafeMutablePointer<Float>
  private let columns: TapAxis
  private let kernelWidth: Int, taps: Int, channels: Int

  static func floats(_ geometry: DepthwiseGeometry) -> Int {
    geometry.back.columns.outputs * pitch(geometry.channels)
      + geometry.kernelHeight * geometry.kernelWidth * geometry.channels
  }

  private static func pitch(_ channels: Int) -> Int { channels + 16 }

  /// Floats of a row as it goes to dx.
  var count: Int { columns.sources * channels }

  init(_ geometry: DepthwiseGeometry, _ weight: UnsafePointer<Float>, in memory: UnsafeMutablePointer<Float>) {
    (columns, channels) = (geometry.forward.columns, geometry.channels)
    (kernelWidth, taps) = (geometry.kernelWidth, geometry.kernelHeight * geometry.kernelWidth)
    pixels = memory
    filters = memory + columns.sources * Self.pitch(channels)
    pixels.update(repeating: 0, count: columns.sources * Self.pitch(channels))
    for tap in 0..<taps {
      for channel in 0..<channels { filters[channel * taps + tap] = weight[tap * channels + channel] }
    }
  }

  /// Adds what the row `tap` of a channel's filter reads under output `column`.
  @inline(__always)
  func add(_ slope: Float, column: Int, channel: Int, tap: Int) {
    let across = columns.inside(columns.taps(of: column)), pitch = Self.pitch(channels)
    let pixel = pixels + across.source * pitch + channel
    let weights = filters + channel * taps + tap * kernelWidth + across.first
    for v in 0..<across.count { pixel[v * across.sourceStep * pitch] += slope * weights[v * across.step] }
  }

  /// Writes or adds the row, and clears it.
  func take(to dx: GradientTarget, from start: Int) {
    for pixel in 0..<columns.sources {
      let row = pixels + pixel * Self.pitch(channels)
      for channel in stride(from: 0, to: channels, by: 16) {
        dx.put(row.lanes(at: channel), at: start + pixel * channels + channel)
        row.store(Lanes(repeating: 0), at: channel)
      }
    }
  }
}

/// The way back from the winners of one image: to each place's channel, and to each channel's place.
struct Winners {
  private let plane: TapPlane, back: TapAxis
  private let kernelWidth: Int, channels: Int, first: Int
  private let x: UnsafePointer<Float>
  private let ofChannels: UnsafePointer<Float>?, ofPlaces: UnsafePointer<Float>?
  private let placeOfChannel: UnsafePointer<Float>, channelOfPlace: UnsafePointer<Float>

  /// The winners of `image` by the arguments of `DepthwiseMaxima`.
  init(_ call: BackwardCall, _ geometry: DepthwiseGeometry, image: Int) {
    (plane, back) = (geometry.forward, geometry.back.rows)
    (kernelWidth, channels) = (geometry.kernelWidth, geometry.channels)
    let places = plane.rows.outputs * plane.columns.outputs
    first = image * plane.rows.sources * plane.columns.sources * channels
    x = UnsafePointer(call.inputs[0].pointer)
    ofChannels = call.outputGradients[0].map { UnsafePointer($0.pointer) + image * geometry.channels }
    ofPlaces = call.outputGradients[2].map { UnsafePointer($0.pointer) + image * places }
    placeOfChannel = UnsafePointer(call.outputs[1].pointer) + image * channels
    channelOfPlace = UnsafePointer(call.outputs[3].pointer) + image * places
  }

  /// Adds to one row of the image's dx what the winners that reach it give there.
  func spread(to line: SlopeLine, row: Int) {
    let reached = back.reachInside(of: row..<row + 1), width = plane.columns.outputs
    if let ofChannels {
      let start = Float(reached.lowerBound * width), end = Float(reached.upperBound * width)
      for channel in 0..<channels where placeOfChannel[channel] >= start && placeOfChannel[channel] < end {
        let (of, column) = Int(placeOfChannel[channel]).quotientAndRemainder(dividingBy: width)
        guard let tap = plane.rows.tap(from: of, to: row) else { continue }
        line.add(ofChannels[channel], column: column, channel: channel, tap: tap)
      }
    }
    guard let ofPlaces else { return }
    for of in reached {
      guard let tap = plane.rows.tap(from: of, to: row) else { continue }
      for place in of * width..<(of + 1) * width {
        line.add(ofPlaces[place], column: place - of * width, channel: Int(channelOfPlace[place]), tap: tap)
      }
    }
  }

  /// Adds to the gradients of the filters.
  func addFilterGradients(to sums: UnsafeMutablePointer<Float>) {
    if let ofChannels {
      for channel in 0..<channels {
        add(ofChannels[channel], of: Int(placeOfChannel[channel]), channel: channel, to: sums)
      }
    }
    if let ofPlaces {
      for place in 0..<plane.rows.outputs * plane.columns.outputs {
        add(ofPlaces[place], of: place, channel: Int(channelOfPlace[place]), to: sums)
      }
    }
  }

  @inline(__always)
  private func add(_ slope: Float, of place: Int, channel: Int, to sums: UnsafeMutablePointer<Float>) {
    let (row, column) = place.quotientAndRemainder(dividingBy: plane.columns.outputs)
    let down = plane.rows.inside(plane.rows.taps(of: row))
    let across = plane.columns.inside(plane.columns.taps(of: column))
    for u in 0..<down.count {
      let line = (down.source + u * down.sourceStep) * plane.columns.sources + across.source
      let taps = (down.first + u * down.step) * kernelWidth + across.first
      for v in 0..<across.count {
        let pixel = first + (line + v * across.sourceStep) * channels
        sums[(taps + v * across.step) * channels + channel] += slope * x[pixel + channel]
      }
    }
  }
}
