import Compute

/// A convolution that gives each channel one filter of its own:
/// y[n, i, j, c] = b[c] + Σ_{u, v} w[u, v, c] · x[n, i s + u d - p, j s + v d - p, c].
///
/// Inputs: x `[N, H, W, C]`, weight `[kh, kw, C]` (channels innermost, so that taps multiply whole vectors), optionally
/// bias `[C]`. Nine multiply-adds an element leave it bound by memory; each pass walks rows and keeps sixteen channels
/// in lanes.
public struct DepthwiseConv2D: Operator {
  public let stride: Extent2D
  public let padding: Extent2D
  public let dilation: Extent2D

  public init(stride: Extent2D = 1, padding: Extent2D = 0, dilation: Extent2D = 1) {
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
  }

  public var name: String { "depthwise_conv2d" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let x = inputs[0], weight = inputs[1]
    guard x.rank == 4, weight.rank == 3, weight[2] == x[3] else {
      throw ShapeError("cannot convolve \(x) channel by channel with filters \(weight): wanted [kh, kw, \(x.channels)]")
    }
    let height = Conv2D.extent(x[1], weight[0], stride.height, padding.height, dilation.height)
    let width = Conv2D.extent(x[2], weight[1], stride.width, padding.width, dilation.width)
    guard height > 0, width > 0 else {
      throw ShapeError("cannot convolve \(x) with filters \(weight): the kernel is larger than the padded image")
    }
    if inputs.count > 2, inputs[2] != [weight[2]] {
      throw ShapeError("cannot add a bias of shape \(inputs[2]) to \(weight[2]) channels")
    }
    return [[x[0], height, width, x[3]]]
  }

  public var keeps: Kept { Kept(inputs: [0, 1]) }

  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int { outputs[0].count * inputs[1].count(over: 0..<2) }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    guard case .backward = pass else { return Scratch() }
    let channels = inputs[0][3]
    return Scratch(shared: chunks(inputs[0]) * (inputs[1].count + channels))
  }

  /// Parts of the batch whose filter gradients are summed apart.
  private func chunks(_ input: Shape) -> Int { min(input[0] * input[1], 16) }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let x = call.inputs[0], weight = call.inputs[1], y = call.outputs[0]
    let bias = call.inputs.count > 2 ? call.inputs[2].pointer : nil
    let height = x.shape[1], width = x.shape[2], channels = x.shape[3]
    let kernelHeight = weight.shape[0], kernelWidth = weight.shape[1]
    let outputHeight = y.shape[1], outputWidth = y.shape[2]
    for line in worker.tiles(y.shape[0] * outputHeight) {
      let image = x.pointer + line / outputHeight * height * width * channels
      let top = line % outputHeight * stride.height - padding.height
      for column in 0..<outputWidth {
        let left = column * stride.width - padding.width
        let target = y.pointer + (line * outputWidth + column) * channels
        inLanes(0..<channels) { channel, lanes in
          var total = bias.map { $0.lanes(at: channel, first: lanes) } ?? Lanes(repeating: 0)
          for v in 0..<kernelHeight {
            let row = top + v * dilation.height
            if row < 0 || row >= height { continue }
            for u in 0..<kernelWidth {
              let place = left + u * dilation.width
              if place < 0 || place >= width { continue }
              total.addProduct(
                (image + (row * width + place) * channels).lanes(at: channel, first: lanes),
                (weight.pointer + (v * kernelWidth + u) * channels).lanes(at: channel, first: lanes))
            }
          }
          target.store(total, at: channel, first: lanes)
        }
      }
    }
  }

  /// dx gathers: each input pixel sums w · dy over the outputs that read it. dw and db sum over pixels, a chunk of
  /// input rows at a time.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dy = call.outputGradients[0] else { return }
    if let target = call.inputGradients[0] { dataGradient(dy, call, target, worker) }
    filterGradient(dy, call, worker)
  }

  private func dataGradient(_ dy: TensorView, _ call: BackwardCall, _ target: GradientTarget, _ worker: Worker) {
    let x = call.inputs[0].shape, weight = call.inputs[1]
    let height = x[1], width = x[2], channels = x[3]
    let kernelHeight = weight.shape[0], kernelWidth = weight.shape[1]
    let outputHeight = dy.shape[1], outputWidth = dy.shape[2]
    for line in worker.tiles(x[0] * height) {
      let gradient = dy.pointer + line / height * outputHeight * outputWidth * channels
      let row = line % height
      for column in 0..<width {
        let offset = (line * width + column) * channels
        inLanes(0..<channels) { channel, lanes in
          var total = Lanes(repeating: 0)
          for v in 0..<kernelHeight {
            let y = row + padding.height - v * dilation.height
            if y < 0 || y % stride.height != 0 || y / stride.height >= outputHeight { continue }
            for u in 0..<kernelWidth {
              let z = column + padding.width - u * dilation.width
              if z < 0 || z % stride.width != 0 || z / stride.width >= outputWidth { continue }
              total.addProduct(
                (gradient + (y / stride.height * outputWidth + z / stride.width) * channels)
                  .lanes(at: channel, first: lanes),
                (weight.pointer + (v * kernelWidth + u) * channels).lanes(at: channel, first: lanes))
            }
          }
          target.put(total, at: offset + channel, first: lanes)
        }
      }
    }
  }

  private func filterGradient(_ dy: TensorView, _ call: BackwardCall, _ worker: Worker) {
    let bias = call.inputGradients.count > 2 ? call.inputGradients[2] : nil
    guard call.inputGradients[1] != nil || bias != nil else { return }
    let x = call.inputs[0], kernel = call.inputs[1].shape
    let height = x.shape[1], width = x.shape[2], channels = x.shape[3]
    let outputHeight = dy.shape[1], outputWidth = dy.shape[2], lines = dy.shape[0] * outputHeight
    let chunks = chunks(x.shape), partial = kernel.count + channels, partials = call.context.sharedScratch
    for chunk in worker.tiles(chunks) {
      let sums = partials + chunk * partial
      sums.update(repeating: 0, count: partial)
      for line in chunk * lines / chunks..<(chunk + 1) * lines / chunks {
        let image = line / outputHeight * height, top = line % outputHeight * stride.height - padding.height
        if bias != nil {
          addRows(dy.pointer + line * outputWidth * channels, rows: outputWidth, width: channels, to: sums + kernel.count)
        }
        if call.inputGradients[1] == nil { continue }
        for v in 0..<kernel[0] {
          let row = top + v * dilation.height
          if row < 0 || row >= height { continue }
          for u in 0..<kernel[1] {
            let shift = u * dilation.width - padding.width
            // The outputs whose tap u falls inside the row.
            let first = shift >= 0 ? 0 : (-shift + stride.width - 1) / stride.width
            let last = shift > width - 1 ? -1 : min(outputWidth - 1, (width - 1 - shift) / stride.width)
            if first > last { continue }
            let tap = sums + (v * kernel[1] + u) * channels
            inLanes(0..<channels) { channel, lanes in
              var total = tap.lanes(at: channel, first: lanes)
              for column in first...last {
                total.addProduct(
                  (x.pointer + ((image + row) * width + column * stride.width + shift) * channels)
                    .lanes(at: channel, first: lanes),
                  (dy.pointer + (line * outputWidth + column) * channels).lanes(at: channel, first: lanes))
              }
              tap.store(total, at: channel, first: lanes)
            }
          }
        }
      }
    }
    worker.barrier()
    if let target = call.inputGradients[1] { merge(partials, chunks, stride: partial, count: kernel.count, target, worker) }
    if let bias { merge(partials + kernel.count, chunks, stride: partial, count: channels, bias, worker) }
  }
}
