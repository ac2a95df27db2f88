import Compute

extension ConvolutionGeometry {
  /// Pixels that are normalised before they are multiplied: 256 KiB at most.
  var normalizedTilePixels: Int { max(48, min(384, (1 << 16) / channels)) / 6 * 6 }

  /// y = a · wᵀ, a being what `read` makes of x.
  func correlatePixels(
    _ x: UnsafeMutablePointer<Float>, _ read: NormalizedReader, _ weight: UnsafeMutablePointer<Float>,
    into y: UnsafeMutablePointer<Float>, moments: MomentParts?, packed: UnsafeMutablePointer<Float>,
    tile: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    packFilters(weight, for: .forward, into: packed, worker)
    let filters = panels(0, for: .forward, in: packed)
    let streams = streams(y, pixels: outputPixels, channels: outputChannels)
    for pixels in worker.ranges(outputPixels, by: normalizedTilePixels) {
      read.copy(x + pixels.lowerBound * channels, rows: pixels.count, channels: channels, to: tile)
      panelProduct(
        m: pixels.count, MatrixOperand(tile, leading: channels), filters, into: y + pixels.lowerBound * outputChannels,
        leading: outputChannels, streams: streams, moments: moments?.part(of: pixels, by: normalizedTilePixels))
    }
  }
}

/// The backward pass of a pointwise convolution that reads its input through a norm.
struct NormalizedPointwise {
  private let geometry: ConvolutionGeometry
  /// Parts of the batch, the most tiles that one is cut into, and the most pixels of a tile.
  private let chunks: Int
  private let tilesPerChunk: Int
  private let tilePixels: Int

  init(_ geometry: ConvolutionGeometry) {
    self.geometry = geometry
    chunks = geometry.filterGradientChunks
    let pixels = (geometry.outputPixels + chunks - 1) / chunks, fitting = geometry.gradientTilePixels
    tilesPerChunk = max(1, (pixels + fitting - 1) / fitting)
    tilePixels = (fitting + 5) / 6 * 6
  }

  private var channels: Int { geometry.channels }
  private var filters: Int { geometry.outputChannels * channels }
  private var filterSums: Int { geometry.panelFloats(for: .dataGradient) }
  private var slopeSums: Int { filterSums + chunks * filters }

  var scratch: Scratch {
    Scratch(
      shared: slopeSums + NormalizedInputGradient.floats(parts: chunks * tilesPerChunk, channels: channels),
      perWorker: NormalizedReader.floats(channels) + ChannelTotals.floats + 2 * tilePixels * channels
        + geometry.filterProductFloats)
  }

  func backward(_ call: BackwardCall, _ dy: UnsafeMutablePointer<Float>, _ activation: Clamp, _ worker: Worker) {
    let shared = call.context.sharedScratch, own = call.context.scratch(of: worker)
    let read = NormalizedReader(call.inputs, activation, in: own)
    let totals = own + NormalizedReader.floats(channels), normalized = totals + ChannelTotals.floats
    let slopes = normalized + tilePixels * channels, product = slopes + tilePixels * channels
    let x = call.inputs[0].pointer, dx = call.inputGradients[0]?.pointer, dw = call.inputGradients[5]
    let wantsSlopes = call.inputGradients[0...2].contains { $0 != nil }
    let parts = GradientSumParts(chunks * tilesPerChunk, channels: channels, in: shared + slopeSums)
    if wantsSlopes { geometry.packFilters(call.inputs[5].pointer, for: .dataGradient, into: shared, worker) }
    let panels = geometry.panels(0, for: .dataGradient, in: shared)
    let pixels = geometry.outputPixels, outputs = geometry.outputChannels
    for chunk in worker.tiles(chunks) {
      let part = chunk * pixels / chunks..<(chunk + 1) * pixels / chunks
      var tiles = 0
      geometry.visitGradientTiles(part) { index, tile in
        tiles = index + 1
        let start = tile.lowerBound * channels, place = chunk * tilesPerChunk + index
        if wantsSlopes {
          let g = dx.map { $0 + start } ?? slopes
          panelProduct(
            m: tile.count, MatrixOperand(dy + tile.lowerBound * outputs, leading: outputs), panels, into: g,
            leading: channels)
          read.sumSlopes(
            g, x + start, mean: call.inputs[3].pointer, rows: tile.count, channels: channels, to: parts.plain(place),
            parts.centered(place))
        }
        if dw != nil {
          read.copy(x + start, rows: tile.count, channels: channels, to: normalized)
          geometry.addFilterProduct(
            tile, dy, normalized, to: shared + filterSums + chunk * filters,
            accumulate: tile.lowerBound > part.lowerBound, product)
        }
      }
      guard wantsSlopes else { continue }
      for index in tiles..<tilesPerChunk {
        parts.plain(chunk * tilesPerChunk + index).update(repeating: 0, count: channels)
        parts.centered(chunk * tilesPerChunk + index).update(repeating: 0, count: channels)
      }
    }
    worker.barrier()
    if let dw { merge(shared + filterSums, chunks, stride: filters, count: filters, dw, worker) }
    guard wantsSlopes else { return }
    let memory = shared + slopeSums + GradientSumParts.floats(chunks * tilesPerChunk, channels: channels)
    NormalizedInputGradient(parts, channels: channels).finish(call, memory: memory, own: totals, worker)
  }
}
