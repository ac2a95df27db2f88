import Compute

/// What the losses of labelled samples share: three inputs, logits `[N, K]`, targets `[N]` or `[N, K]` and weights `[N]`,
/// and one output `[1]`, the weighted sum over samples.
enum SampleLosses {
  static func outputShapes(for inputs: [Shape], name: String) throws(ShapeError) -> [Shape] {
    let logits = inputs[0]
    guard logits.rank == 2 else { throw ShapeError("cannot \(name) logits \(logits): wanted [samples, classes]") }
    guard inputs[1] == [logits[0]] || inputs[1] == logits else {
      throw ShapeError("cannot \(name) logits \(logits) and targets \(inputs[1]): wanted [\(logits[0])] or \(logits)")
    }
    guard inputs[2] == [logits[0]] else {
      throw ShapeError("cannot \(name) logits \(logits) and weights \(inputs[2]): wanted [\(logits[0])]")
    }
    return [[1]]
  }

  /// Samples that one worker takes at a time: about 64 KiB of logits.
  static func tileRows(_ classes: Int) -> Int { max(1, 16_384 / classes) }

  /// Room for a partial sum of each tile.
  static func scratch(_ logits: Shape) -> Scratch {
    let rows = tileRows(logits[1])
    return Scratch(shared: (logits[0] + rows - 1) / rows)
  }

  /// Writes Σₙ weightₙ loss(n), tile by tile, so that the sum does not depend on the workers. A sample of weight zero is
  /// not looked at.
  @inline(__always)
  static func add(_ call: ForwardCall, _ worker: Worker, loss: (Int) -> Float) {
    let samples = call.inputs[0].shape[0], classes = call.inputs[0].shape[1]
    let weights = call.inputs[2].pointer, partials = call.context.sharedScratch, tileRows = tileRows(classes)
    let tiles = (samples + tileRows - 1) / tileRows
    for tile in worker.tiles(tiles) {
      var sum = 0.0
      for sample in tile * tileRows..<min((tile + 1) * tileRows, samples) where weights[sample] != 0 {
        sum += Double(weights[sample]) * Double(loss(sample))
      }
      partials[tile] = Float(sum)
    }
    worker.barrier()
    if worker.isFirst {
      var sum = 0.0
      for tile in 0..<tiles { sum += Double(partials[tile]) }
      call.outputs[0][0] = Float(sum)
    }
  }

  /// Gives the logits of each sample their gradient, dy weightₙ d loss(n) / dx; that of a sample of weight zero, whose
  /// logits may be anything, infinities too, is zero.
  /// - Parameter gradient: writes d loss(n) / dx times a factor to the places of sample n in dx.
  @inline(__always)
  static func spread(
    _ call: BackwardCall, _ worker: Worker, labelSmoothing: Float,
    gradient: (_ batch: LabelledRows, _ sample: Int, _ factor: Float, _ dx: GradientTarget) -> Void
  ) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0] else { return }
    let batch = LabelledRows(call.inputs, labelSmoothing: labelSmoothing), row = batch.row
    for samples in worker.ranges(call.inputs[0].shape[0], by: tileRows(row.count)) {
      for sample in samples {
        if batch.weights[sample] == 0 {
          row.visit { at, count in dx.put(Lanes(repeating: 0), at: sample * row.count + at, first: count) }
        } else {
          gradient(batch, sample, dy[0] * batch.weights[sample], dx)
        }
      }
    }
  }
}

/// The samples of a classification loss: logits, targets of either form, weights. Each loss adds what it is of one sample.
struct LabelledRows {
  let row: LaneRow
  let logits, targets, weights: UnsafePointer<Float>
  /// Whether targets are given for every class rather than as class numbers.
  let soft: Bool
  /// What smoothing leaves of a target, and what it gives to every class.
  let kept, shared: Float

  init(_ inputs: [TensorView], labelSmoothing: Float) {
    row = LaneRow(inputs[0].shape[1])
    logits = UnsafePointer(inputs[0].pointer)
    targets = UnsafePointer(inputs[1].pointer)
    weights = UnsafePointer(inputs[2].pointer)
    soft = inputs[1].shape.rank == 2
    kept = 1 - labelSmoothing
    shared = labelSmoothing / Float(row.count)
  }

  /// The class of a sample; `nil` when it is none of 0..<K, NaN included.
  @inline(__always)
  func label(_ sample: Int) -> Int? {
    let label = targets[sample]
    return label >= 0 && label < Float(row.count) ? Int(label) : nil
  }
}

extension SIMD16<Float> {
  /// 1 in the first `count` lanes, 0 in the rest.
  @inline(__always)
  static func inside(_ count: Int) -> Lanes {
    let lane = Lanes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    return Lanes(repeating: 1).replacing(with: 0, where: lane .>= Float(count))
  }
}
