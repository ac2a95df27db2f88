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

  let imageMemory: UnsafeMutablePointer<Float>
  let labelMemory: UnsafeMutablePointer<Int32>
  let weightMemory: UnsafeMutablePointer<Float>
  let indexMemory: UnsafeMutablePointer<Int>

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
  }

  /// A batch from elsewhere than a loader: one that was stored.
  /// - Parameters:
  ///   - labels: one for each sample, as `weights` and `indices`.
  ///   - images: the pictures one after the other, as many as `labels`.
  public convenience init(
    _ address: BatchAddress, sampleShape: Shape, images: [Float], labels: [Int], weights: [Float], indices: [Int]
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
  }

  deinit {
    imageMemory.deallocate()
    labelMemory.deallocate()
    weightMemory.deallocate()
    indexMemory.deallocate()
  }

  /// The pictures, normalised: [count, height, width, channels].
  public var images: TensorView { TensorView(imageMemory, Shape([count] + sampleShape.array)) }

  /// The class of each sample.
  public var labels: UnsafeBufferPointer<Int32> { UnsafeBufferPointer(start: labelMemory, count: count) }

  /// What each sample counts in loss and metrics: 1, or 0 where it could not be read.
  public var weights: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: weightMemory, count: count) }

  /// The index of each sample in the data set.
  public var indices: UnsafeBufferPointer<Int> { UnsafeBufferPointer(start: indexMemory, count: count) }
}
