import Compute

/// How one sample gets into a batch: read, decode, transform, normalise.
struct SampleLoading: Sendable {
  let dataset: any ImageDataset
  let pipeline: TransformPipeline
  let classCount: Int
  private let key: RandomKey

  init(_ dataset: any ImageDataset, _ pipeline: TransformPipeline, seed: UInt64) {
    self.dataset = dataset
    self.pipeline = pipeline
    classCount = dataset.classNames.count
    key = RandomKey(seed).appending("augmentation")
  }

  /// Fills one place of a batch; a sample that cannot be read leaves zeros there and is returned.
  /// - Parameter copy: 0, or which further time it is that this step has the sample: augmented on its own.
  func load(_ index: Int, copy: Int, into batch: Batch, at place: Int) -> BrokenSample? {
    let pixels = batch.imageMemory + place * batch.sampleShape.count
    batch.indexMemory[place] = index
    do {
      let sample = try dataset.sample(at: index, minimumSide: pipeline.minimumSide)
      guard sample.label >= 0 && sample.label < classCount else {
        throw DatasetError(file: dataset.name(of: index), reason: "class \(sample.label), but there are \(classCount)")
      }
      // The frames of a clip are flipped and cropped as one.
      let first = key.appending(batch.address.epoch).appending(index / dataset.framesPerClip)
      try pipeline.write(sample.image, key: copy == 0 ? first : first.appending(copy), to: pixels)
      batch.labelMemory[place] = Int32(sample.label)
      batch.weightMemory[place] = 1
      return nil
    } catch {
      pixels.update(repeating: 0, count: batch.sampleShape.count)
      batch.labelMemory[place] = 0
      batch.weightMemory[place] = 0
      let reason = (error as? DatasetError)?.reason ?? "\(error)"
      return BrokenSample(index: index, name: dataset.name(of: index), reason: reason)
    }
  }
}
