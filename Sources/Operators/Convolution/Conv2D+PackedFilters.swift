import Compute

/// The filters of a convolution as matrix products read them, packed once a call and shared by all workers.
extension ConvolutionGeometry {
  /// The filters of a group: for the forward pass `[filter length, O/G]`, for the data gradient `[O/G, filter length]`.
  func panels(_ group: Int, for product: ConvolutionProduct, in memory: UnsafeMutablePointer<Float>) -> ColumnPanels {
    let rows = product == .forward ? filterLength : groupOutputs
    let columns = product == .forward ? groupOutputs : filterLength
    let start = memory + group * ColumnPanels.floats(rows: rows, columns: columns)
    return ColumnPanels(start, rows: rows, columns: columns)
  }

  /// Floats of all groups' panels.
  func panelFloats(for product: ConvolutionProduct) -> Int {
    groups
      * (product == .forward
        ? ColumnPanels.floats(rows: filterLength, columns: groupOutputs)
        : ColumnPanels.floats(rows: groupOutputs, columns: filterLength))
  }

  /// Packs the filters and waits until all are there.
  func packFilters(
    _ weight: UnsafeMutablePointer<Float>, for product: ConvolutionProduct, into memory: UnsafeMutablePointer<Float>,
    _ worker: Worker
  ) {
    let count = panels(0, for: product, in: memory).count
    for tile in worker.tiles(groups * count) {
      let filters = weight + tile / count * groupOutputs * filterLength
      panels(tile / count, for: product, in: memory).fill(
        tile % count, from: MatrixOperand(filters, leading: filterLength, transposed: product == .forward))
    }
    worker.barrier()
  }

  /// Every output starts with the bias, for products that add to it.
  func startRows(_ y: UnsafeMutablePointer<Float>, rows: Int, with bias: UnsafeMutablePointer<Float>?) {
    guard let bias else { return }
    for row in 0..<rows { (y + row * outputChannels).update(from: bias, count: outputChannels) }
  }

  /// Working memory of a worker for the product of dy and patches, of a group.
  var filterProductFloats: Int {
    ColumnProduct.scratchFloats(m: groupOutputs, leadingA: outputChannels, n: filterLength, leadingB: filterLength)
  }

  /// Sums of dy over parts of the batch: the bias gradient's.
  func addBiasRows(_ dy: UnsafeMutablePointer<Float>, to biasSums: UnsafeMutablePointer<Float>, _ worker: Worker) {
    let chunks = filterGradientChunks
    for chunk in worker.tiles(chunks) {
      let first = chunk * outputPixels / chunks, end = (chunk + 1) * outputPixels / chunks
      sumRows(dy + first * outputChannels, rows: end - first, to: biasSums + chunk * outputChannels)
    }
  }

  /// The sum of `rows` pixels of dy.
  func sumRows(_ dy: UnsafeMutablePointer<Float>, rows: Int, to sums: UnsafeMutablePointer<Float>) {
    sums.update(repeating: 0, count: outputChannels)
    addRows(dy, rows: rows, width: outputChannels, to: sums)
  }
}
