import Compute

/// The samples of one replica in one step, ready to be copied into a plan's inputs.
///
/// A batch is a buffer that its loader fills again and again. Views and pointers into it hold while the batch is
/// referred to: the loader does not fill a batch again that somebody still holds.
public final class Batch: @unchecked Sendable {
  /// The largest number of samples that fit.
  public let capacity: Int
  /// [height, width, channels].
  public let sampleShape: Shape
  /// Which part of which step this is.
  public internal(set) var address = BatchAddress(epoch: 0, step: 0, replica: 0)
  /// The number of samples; 0 for a replica that has none left in a short last step.
  public internal(set) var count = 0
  /// The samples that could not be read: their images are zero, their labels 0, their weights 0.
  public internal(set) var broken: [BrokenSample] = []
  /// Whether the samples are mixed with each other, and have two labels each.
  public internal(set) var isMixed = false

  let imageMemory: UnsafeMutablePointer<Float>
  let labelMemory: UnsafeMutablePointer<Int32>
  let weightMemory: UnsafeMutablePointer<Float>
  let indexMemory: UnsafeMutablePointer<Int>
  let partnerMemory: UnsafeMutablePointer<Int32>
  let shareMemory: UnsafeMutablePointer<Float>

  init(capacity: Int, sampleShape: Shape) {
    precondition(capacity > 0, "a batch of \(capacity) samples")
    self.capacity = capacity
    self.sampleShape = sampleShape
    imageMemory = UnsafeMutableRawPointer.allocate(
      byteCount: capacity * sampleShape.byteCount, alignment: Arena.alignment
    ).assumingMemoryBound(to: Float.self)
    labelMemory = .allocate(capacity: capacity)
    weightMemory = .allocate(capacity: capacity)
    indexMemory = .allocate(capacity: capacity)
    partnerMemory = .allocate(capacity: capacity)
    shareMemory = .allocate(capacity: capacity)
  }

  /// A batch from elsewhere than a loader: one that was stored.
  /// - Parameters:
  ///   - labels: one for each sample, as `weights` and `indices`.
  ///   - images: the pictures one after the other, as many as `labels`.
  ///   - mixture: the second labels of samples that are mixed.
  public convenience init(
    _ address: BatchAddress, sampleShape: Shape, images: [Float], labels: [Int], weights: [Float], indices: [Int],
    mixture: LabelMixture? = nil
  ) {
    precondition(
      weights.count == labels.count && indices.count == labels.count
        && images.count == labels.count * sampleShape.count,
      "\(labels.count) labels, \(weights.count) weights, \(indices.count) indices, \(images.count) numbers")
    self.init(capacity: max(labels.count, 1), sampleShape: sampleShape)
    self.address = address
    count = labels.count
    for place in labels.indices {
      labelMemory[place] = Int32(clamping: labels[place])
      weightMemory[place] = weights[place]
      indexMemory[place] = indices[place]
    }
    imageMemory.update(from: images, count: images.count)
    if let mixture {
      precondition(
        mixture.partners.count == count && mixture.shares.count == count,
        "\(mixture.partners.count) partners and \(mixture.shares.count) shares of \(count) samples")
      isMixed = true
      for place in 0..<count {
        partnerMemory[place] = Int32(clamping: mixture.partners[place])
        shareMemory[place] = mixture.shares[place]
      }
    }
  }

  deinit {
    imageMemory.deallocate()
    labelMemory.deallocate()
    weightMemory.deallocate()
    indexMemory.deallocate()
    partnerMemory.deallocate()
    shareMemory.deallocate()
  }

  /// The pictures, normalised: [count, height, width, channels].
  public var images: TensorView { TensorView(imageMemory, Shape([count] + sampleShape.array)) }

  /// The class of each sample; of a mixed one the class that `labelShares` is the share of.
  public var labels: UnsafeBufferPointer<Int32> { UnsafeBufferPointer(start: labelMemory, count: count) }

  /// The class that was mixed into each sample; nothing to read where `isMixed` is false, as `labelShares`.
  public var partnerLabels: UnsafeBufferPointer<Int32> { UnsafeBufferPointer(start: partnerMemory, count: count) }

  /// What each sample's own class counts in its target, 0...1; the partner's counts the rest.
  public var labelShares: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: shareMemory, count: count) }

  /// The second labels and shares as values; `nil` where nothing is mixed.
  public var mixture: LabelMixture? {
    isMixed ? LabelMixture(partners: partnerLabels.map(Int.init), shares: Array(labelShares)) : nil
  }

  /// What each sample counts in loss and metrics: 1, or 0 where it could not be read.
  public var weights: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: weightMemory, count: count) }

  /// The index of each sample in the data set.
  public var indices: UnsafeBufferPointer<Int> { UnsafeBufferPointer(start: indexMemory, count: count) }
}

/// The second labels of samples that are mixed with each other: the target of sample i is
/// shares[i] onehot(labels[i]) + (1 - shares[i]) onehot(partners[i]).
public struct LabelMixture: Hashable, Codable, Sendable {
  public var partners: [Int]
  public var shares: [Float]

  public init(partners: [Int], shares: [Float]) {
    self.partners = partners
    self.shares = shares
  }
}
