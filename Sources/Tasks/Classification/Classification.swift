import Compute
import Datasets
import Glibc
import Graphs
import Layers
import Operators

/// One class for each image: softmax cross-entropy, judged by top-1 and top-5 accuracy in percent.
public struct Classification: TrainingTask {
  /// The part of the target that is spread evenly over all classes (Szegedy et al., CVPR 2016, section 7); evaluation
  /// has none.
  public var labelSmoothing: Float

  public init(labelSmoothing: Float = 0) { self.labelSmoothing = labelSmoothing }

  public var name: String { "classification" }
  public var decidingMetric: String { "top1" }

  public func trace(_ network: any Module, images: Shape, in trace: Trace) {
    let logits = network(trace.input("images", images))  // [N, classes]
    let labels = trace.input("labels", [images[0]]), weights = trace.input("weights", [images[0]])
    let smoothing = trace.mode == .training ? labelSmoothing : 0
    let loss = logits.applying(SoftmaxCrossEntropy(labelSmoothing: smoothing), with: [labels, weights])
    trace.output("logits", logits)
    trace.output("loss", loss)
    if trace.mode == .training { trace.root("loss", loss) }
  }

  public func fill(_ runner: any Runner, from batch: Batch) {
    let images = runner.input("images"), labels = runner.input("labels"), weights = runner.input("weights")
    images.pointer.update(from: batch.images.pointer, count: images.count)
    for index in 0..<batch.count {
      labels[index] = Float(batch.labels[index])
      weights[index] = batch.weights[index]
    }
  }

  public func weight(of batch: Batch) -> Double { batch.weights.reduce(0) { $0 + Double($1) } }

  /// Samples, those whose class is first, those whose class is among the first five, and the loss in units of 2^-24.
  public func tally(_ runner: any Runner, _ batch: Batch) -> [Double] {
    let logits = runner.output("logits"), classes = logits.shape[1]
    var tally = [0.0, 0, 0, 0]
    for index in 0..<batch.count where batch.weights[index] > 0 {
      let row = UnsafeBufferPointer(start: logits.pointer + index * classes, count: classes)
      let label = Int(batch.labels[index])
      let rank = Self.rank(of: label, in: row)
      tally[0] += 1
      if rank < 1 { tally[1] += 1 }
      if rank < 5 { tally[2] += 1 }
      tally[3] += (Self.crossEntropy(row, label) * 0x1p24).rounded()
    }
    return tally
  }

  /// weight (log Σ e^z - (1 - e) z[label] - e mean z), with the training's smoothing e; NaN for a class that there is
  /// none of.
  public func sampleLosses(_ runner: any Runner, _ batch: Batch) -> [Double] {
    let logits = runner.output("logits"), classes = logits.shape[1], smoothing = Double(labelSmoothing)
    return (0..<batch.count).map { index in
      let row = UnsafeBufferPointer(start: logits.pointer + index * classes, count: classes)
      guard batch.weights[index] != 0 else { return 0 }
      let label = Int(batch.labels[index])
      guard row.indices.contains(label) else { return .nan }
      let largest = Double(row.max() ?? 0), mean = row.reduce(0) { $0 + Double($1) } / Double(classes)
      let normalizer = largest + log(row.reduce(0) { $0 + exp(Double($1) - largest) })
      let loss = normalizer - (1 - smoothing) * Double(row[label]) - smoothing * mean
      return Double(batch.weights[index]) * loss
    }
  }

  public func metrics(from tally: [Double]) -> [Metric] {
    let samples = max(tally[0], 1)
    return [
      Metric("top1", 100 * tally[1] / samples, isBetterHigher: true),
      Metric("top5", 100 * tally[2] / samples, isBetterHigher: true),
      Metric("loss", tally[3] * 0x1p-24 / samples, isBetterHigher: false),
      Metric("samples", tally[0], isBetterHigher: true),
    ]
  }

  /// How many classes come before `label`; an earlier class of the same score does, and a score that is not a number
  /// puts the label last.
  package static func rank(of label: Int, in logits: UnsafeBufferPointer<Float>) -> Int {
    let score = logits[label]
    guard score == score else { return logits.count }
    return logits.indices.reduce(0) { $0 + (logits[$1] > score || (logits[$1] == score && $1 < label) ? 1 : 0) }
  }

  /// log Σ e^z - z[label], in double precision, at most 2^20 so that a sum of losses stays exact.
  package static func crossEntropy(_ logits: UnsafeBufferPointer<Float>, _ label: Int) -> Double {
    let largest = Double(logits.max() ?? 0)
    let loss = largest + log(logits.reduce(0) { $0 + exp(Double($1) - largest) }) - Double(logits[label])
    return loss.isFinite ? min(max(loss, 0), 0x1p20) : 0x1p20
  }
}
