import Compute

/// Resampling of `[N, H, W, C]` to a given height and width, PyTorch's `interpolate(size:)`: nearest by its floor rule,
/// or bilinear with corners aligned or not.
public struct Resize2D: Operator {
  /// How an output's value comes from the inputs around it.
  public enum Method: Hashable, Sendable {
    /// The input at floor(i n / m).
    case nearest
    /// Bilinear between pixel centres, input position (i + 1/2) n / m - 1/2, or with the corners' centres mapped on
    /// each other, i (n - 1) / (m - 1).
    case bilinear(alignCorners: Bool)
  }

  public let output: Extent2D
  public let method: Method

  public init(to output: Extent2D, _ method: Method) {
    self.output = output
    self.method = method
  }

  public var name: String {
    switch method {
    case .nearest: "resize2d_nearest"
    case .bilinear: "resize2d_bilinear"
    }
  }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let shape = inputs[0]
    guard shape.rank == 4 else { throw ShapeError("cannot resize \(shape) to \(output): wanted [N, H, W, C]") }
    guard output.height > 0, output.width > 0 else {
      throw ShapeError("cannot resize \(shape) to \(output): it has no elements")
    }
    return [[shape[0], output.height, output.width, shape[3]]]
  }

  public var keeps: Kept { .nothing }

  public var isCheapToRepeat: Bool { true }

  /// Backward: the weights of one row's and one column's readers.
  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    pass == .backward ? Scratch(perWorker: output.height + output.width) : Scratch()
  }

  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int { method == .nearest ? 0 : 4 * outputs[0].count }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let shape = call.inputs[0].shape, images = shape[0], channels = shape[3], width = shape[2]
    let rows = ResamplingAxis(inputs: shape[1], outputs: output.height, method)
    let columns = ResamplingAxis(inputs: width, outputs: output.width, method)
    let x = call.inputs[0].pointer, y = call.outputs[0].pointer
    for tile in worker.tiles(images * rows.outputs) {
      let image = x + tile / rows.outputs * shape[1] * width * channels
      let row = rows.source(of: tile % rows.outputs)
      let upper = image + row.low * width * channels, lower = image + row.high * width * channels
      for index in 0..<columns.outputs {
        let column = columns.source(of: index)
        let left = column.low * channels, right = column.high * channels
        let start = (tile * columns.outputs + index) * channels
        inLanes(0..<channels) { channel, count in
          var value = upper.lanes(at: left + channel, first: count)
          if method != .nearest {
            let above = value * (1 - column.weight) + upper.lanes(at: right + channel, first: count) * column.weight
            let below =
              lower.lanes(at: left + channel, first: count) * (1 - column.weight)
              + lower.lanes(at: right + channel, first: count) * column.weight
            value = above * (1 - row.weight) + below * row.weight
          }
          y.store(value, at: start + channel, first: count)
        }
      }
    }
  }

  /// dx[h, w] = Σ r(i, h) c(j, w) dy[i, j] over the outputs (i, j) that read it, r and c being the weights along the
  /// axes.
  ///
  /// Each input collects its terms, so no two tiles write to one place; the outputs that read an input are neighbours.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0]?.pointer else { return }
    let shape = call.inputs[0].shape, images = shape[0], channels = shape[3], height = shape[1], width = shape[2]
    let rows = ResamplingAxis(inputs: height, outputs: output.height, method)
    let columns = ResamplingAxis(inputs: width, outputs: output.width, method)
    let rowWeights = call.context.scratch(of: worker), columnWeights = rowWeights + rows.outputs
    for tile in worker.tiles(images * height) {
      let h = tile % height, image = tile / height * rows.outputs
      let rowReaders = rows.readers(of: h)
      for i in rowReaders { rowWeights[i] = rows.weight(of: h, in: i) }
      for w in 0..<width {
        let columnReaders = columns.readers(of: w)
        for j in columnReaders { columnWeights[j] = columns.weight(of: w, in: j) }
        inLanes(0..<channels) { channel, count in
          var total = Lanes(repeating: 0)
          for i in rowReaders {
            var line = Lanes(repeating: 0)
            for j in columnReaders {
              let at = ((image + i) * columns.outputs + j) * channels + channel
              line += dy.lanes(at: at, first: count) * columnWeights[j]
            }
            total += line * rowWeights[i]
          }
          dx.put(total, at: (tile * width + w) * channels + channel, first: count)
        }
      }
    }
  }
}
