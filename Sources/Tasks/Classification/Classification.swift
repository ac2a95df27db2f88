import Compute
import Datasets
import Glibc
import Graphs
import Layers
import Operators

/// One class for each image: cross-entropy, judged by top-1 and top-5 accuracy in percent.
public struct Classification: TrainingTask {
  /// What a training makes small.
  public enum Loss: String, CaseIterable, Sendable {
    /// Of one choice among all classes.
    case crossEntropy = "cross_entropy"
    /// The mean over a yes or no for each class (Wightman, Touvron, Jégou; 2021, section 2.2).
    case binaryCrossEntropy = "binary_cross_entropy"
  }

  public var loss: Loss
  /// The part of the target that is spread evenly over all classes (Szegedy et al., CVPR 2016, section 7); evaluation
  /// has none.
  public var labelSmoothing: Float
  /// Whether the targets of a training are distributions over classes, for samples that are mixed with each other;
  /// evaluation has none of these.
  public var mixesLabels: Bool

  public init(loss: Loss = .crossEntropy, labelSmoothing: Float = 0, mixesLabels: Bool = false) {
    self.loss = loss
    self.labelSmoothing = labelSmoothing
    self.mixesLabels = mixesLabels
  }

  public var name: String { "classification" }
  public var decidingMetric: String { "top1" }

  public var onMixedLabels: (any TrainingTask)? {
    Classification(loss: loss, labelSmoothing: labelSmoothing, mixesLabels: true)
  }

  public func trace(_ network: any Module, images: Shape, in trace: Trace) {
    let logits = network(trace.input("images", images))  // [N, classes]
    let isTraining = trace.mode == .training, smoothing = isTraining ? labelSmoothing : 0
    let labels = trace.input("labels", isTraining && mixesLabels ? logits.shape : [images[0]])
    let weights = trace.input("weights", [images[0]])
    let loss = switch self.loss {
    case .crossEntropy: logits.applying(SoftmaxCrossEntropy(labelSmoothing: smoothing), with: [labels, weights])
    case .binaryCrossEntropy: logits.applying(SigmoidCrossEntropy(labelSmoothing: smoothing), with: [labels, weights])
    }
    trace.output("logits", logits)
    trace.output("loss", loss)
    if isTraining { trace.root("loss", loss) }
  }

  public func fill(_ runner: any Runner, from batch: Batch) {
    let images = runner.input("images"), labels = runner.input("labels"), weights = runner.input("weights")
    images.pointer.update(from: batch.images.pointer, count: images.count)
    for index in 0..<batch.count { weights[index] = batch.weights[index] }
    if labels.shape.rank == 1 {
      for index in 0..<batch.count { labels[index] = Float(batch.labels[index]) }
    } else {
      let classes = labels.shape[1]
      labels.pointer.update(repeating: 0, count: labels.count)
      for index in 0..<batch.count {
        let target = Target(index, of: batch), row = index * classes
        guard target.fits(classes) else {
          // As with a label alone, a class that there is none of makes the loss NaN.
          labels[row] = .nan
          continue
        }
        labels[row + target.label] += target.share
        labels[row + target.partner] += 1 - target.share
      }
    }
  }

  /// The two classes of a mixed sample; twice the same one of any other.
  private struct Target {
    let label: Int
    let partner: Int
    /// What `label` counts; `partner` counts the rest.
    let share: Float

    init(_ index: Int, of batch: Batch) {
      label = Int(batch.labels[index])
      share = batch.isMixed ? batch.labelShares[index] : 1
      partner = share == 1 ? label : Int(batch.partnerLabels[index])
    }

    func fits(_ classes: Int) -> Bool { 0..<classes ~= label && 0..<classes ~= partner }

    /// The mean of what the two classes have in `row`.
    func mean(of row: UnsafeBufferPointer<Float>) -> Double {
      let own = Double(row[label])
      return share == 1 ? own : Double(share) * own + (1 - Double(share)) * Double(row[partner])
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

  /// weight (log Σ e^z - (1 - e) Σ share z[label] - e mean z), with the training's smoothing e and the shares of one
  /// label or two, or with the binary loss weight / K (Σ log(1 + e^z) - …); NaN for a class that there is none of.
  public func sampleLosses(_ runner: any Runner, _ batch: Batch) -> [Double] {
    let logits = runner.output("logits"), classes = logits.shape[1], smoothing = Double(labelSmoothing)
    return (0..<batch.count).map { index in
      let row = UnsafeBufferPointer(start: logits.pointer + index * classes, count: classes)
      guard batch.weights[index] != 0 else { return 0 }
      let target = Target(index, of: batch)
      guard target.fits(classes) else { return .nan }
      let mean = row.reduce(0) { $0 + Double($1) } / Double(classes)
      let part = normalizer(row) - (1 - smoothing) * target.mean(of: row) - smoothing * mean
      return Double(batch.weights[index]) * (loss == .crossEntropy ? part : part / Double(classes))
    }
  }

  /// log Σ e^z, or Σ log(1 + e^z), with no power that could overflow.
  private func normalizer(_ row: UnsafeBufferPointer<Float>) -> Double {
    switch loss {
    case .crossEntropy:
      let largest = Double(row.max() ?? 0)
      return largest + log(row.reduce(0) { $0 + exp(Double($1) - largest) })
    case .binaryCrossEntropy: return row.reduce(0) { $0 + max(Double($1), 0) + log1p(exp(-abs(Double($1)))) }
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
