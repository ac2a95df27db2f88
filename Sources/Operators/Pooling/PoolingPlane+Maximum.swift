import Compute

/// Maximum pooling in both directions, for windows and for bins.
extension PoolingPlane {
  /// y = the largest element of each window, positions = h W + w of the first that reaches it. NaN is larger than all.
  ///
  /// One tile is a row of outputs; sixteen channels run through a window with maximum and position in registers.
  func maximum(_ call: ForwardCall, _ worker: Worker) {
    let shape = call.inputs[0].shape, images = shape[0], channels = shape[3], width = shape[2]
    let x = call.inputs[0].pointer, y = call.outputs[0].pointer, positions = call.outputs[1].pointer
    let rows = rows, columns = columns
    for tile in worker.tiles(images * rows.outputs) {
      let image = x + tile / rows.outputs * shape[1] * width * channels
      let rowWindow = rows.window(of: tile % rows.outputs)
      for column in 0..<columns.outputs {
        let columnWindow = columns.window(of: column)
        let start = (tile * columns.outputs + column) * channels
        inLanes(0..<channels) { channel, count in
          let first = rowWindow.lowerBound * width + columnWindow.lowerBound
          var largest = image.lanes(at: first * channels + channel, first: count)
          var position = Lanes(repeating: Float(first))
          for h in rowWindow {
            for w in columnWindow {
              let here = h * width + w
              let value = image.lanes(at: here * channels + channel, first: count)
              let wins = .!(value .<= largest) .& (largest .== largest)
              largest.replace(with: value, where: wins)
              position.replace(with: Float(here), where: wins)
            }
          }
          y.store(largest, at: start + channel, first: count)
          positions.store(position, at: start + channel, first: count)
        }
      }
    }
  }

  /// dx = the sum of dy over the outputs whose position is here.
  ///
  /// Each input collects from the few windows that contain it: no two tiles write to one place, and nothing is zeroed
  /// first.
  func maximumGradient(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0]?.pointer else { return }
    let shape = call.inputs[0].shape, channels = shape[3], width = shape[2], positions = call.outputs[1].pointer
    for tile in worker.tiles(shape[0] * shape[1]) {
      forEachInput(ofRow: tile, channels) { column, windows in
        let here = Lanes(repeating: Float(tile % shape[1] * width + column))
        windows.collect(into: dx, at: (tile * width + column) * channels, channels) { window, channel, count in
          let isHere = positions.lanes(at: window.place + channel, first: count) .== here
          return Lanes(repeating: 0).replacing(with: dy.lanes(at: window.place + channel, first: count), where: isHere)
        }
      }
    }
  }

  /// - Throws: `ShapeError` when a position in `input` is more than a float can count.
  static func requireCountable(_ input: Shape, _ name: String) throws(ShapeError) {
    guard input[1] * input[2] <= 1 << 24 else {
      throw ShapeError("cannot apply \(name) to \(input): at most 16777216 pixels an image")
    }
  }
}
