import Compute

/// Average pooling in both directions, for windows and for bins.
extension PoolingPlane {
  /// 1 / the number of elements that an output is the mean of.
  @inline(__always)
  private func share(_ row: Int, _ column: Int, _ countsPadding: Bool) -> Float {
    countsPadding
      ? 1 / Float(rows.paddedLength(of: row) * columns.paddedLength(of: column))
      : 1 / Float(rows.window(of: row).count * columns.window(of: column).count)
  }

  /// y = the mean of each window. Sums go row by row of the window, so that large bins lose little to rounding.
  func average(_ call: ForwardCall, countsPadding: Bool, _ worker: Worker) {
    let shape = call.inputs[0].shape, images = shape[0], channels = shape[3], width = shape[2]
    let x = call.inputs[0].pointer, y = call.outputs[0].pointer
    let rows = rows, columns = columns
    for tile in worker.tiles(images * rows.outputs) {
      let image = x + tile / rows.outputs * shape[1] * width * channels
      let row = tile % rows.outputs, rowWindow = rows.window(of: row)
      for column in 0..<columns.outputs {
        let columnWindow = columns.window(of: column)
        let share = share(row, column, countsPadding)
        let start = (tile * columns.outputs + column) * channels
        inLanes(0..<channels) { channel, count in
          var total = Lanes(repeating: 0)
          for h in rowWindow {
            var line = Lanes(repeating: 0)
            for w in columnWindow { line += image.lanes(at: (h * width + w) * channels + channel, first: count) }
            total += line
          }
          y.store(total * share, at: start + channel, first: count)
        }
      }
    }
  }

  /// dx = the sum of dy / n over the outputs whose window contains this input, n being that window's count.
  func averageGradient(_ call: BackwardCall, countsPadding: Bool, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0]?.pointer else { return }
    let shape = call.inputs[0].shape, channels = shape[3], width = shape[2]
    for tile in worker.tiles(shape[0] * shape[1]) {
      forEachInput(ofRow: tile, channels) { column, windows in
        windows.collect(into: dx, at: (tile * width + column) * channels, channels) { window, channel, count in
          dy.lanes(at: window.place + channel, first: count) * share(window.row, window.column, countsPadding)
        }
      }
    }
  }
}
