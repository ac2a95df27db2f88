import Compute
import Datasets
import Glibc
import Synchronization
import Testing

/// Pictures of 6 x 5 pixels that say which sample they are; some cannot be read.
private final class CountedDataset: ImageDataset {
  let count: Int
  let classNames = (0..<10).map { "class \($0)" }
  let brokenIndices: Set<Int>
  let microseconds: UInt32
  let readCount = Atomic<Int>(0)
  /// The samples that were read where denormals are flushed to zero.
  let flushedCount = Atomic<Int>(0)

  init(count: Int, broken: Set<Int> = [], microseconds: UInt32 = 0) {
    self.count = count
    brokenIndices = broken
    self.microseconds = microseconds
  }

  func name(of index: Int) -> String { "picture \(index)" }

  func sample(at index: Int, minimumSide: Int?) throws -> Sample {
    readCount.add(1, ordering: .relaxed)
    if Float(bitPattern: UInt32(index + 1)) * 0x1p30 == 0 { flushedCount.add(1, ordering: .relaxed) }
    // Later samples are often ready before earlier ones.
    if microseconds > 0 { usleep(microseconds * UInt32(index % 3)) }
    if brokenIndices.contains(index) { throw DatasetError(file: name(of: index), reason: "not a picture") }
    let pixels = (0..<90).map { UInt8(($0 * 7 + index * 13) % 256) }
    // Sample 77 claims a class that does not exist.
    return Sample(image: Image(width: 6, height: 5, channels: 3, pixels: pixels), label: index == 77 ? 10 : index % 10)
  }
}

/// A batch's content, kept.
private struct Content: Hashable {
  let address: BatchAddress
  let images: [Float]
  let labels: [Int32]
  let weights: [Float]
  let indices: [Int]
  let mixture: LabelMixture?

  init(_ batch: Batch) {
    mixture = batch.mixture
    address = batch.address
    images = batch.images.array
    labels = Array(batch.labels)
    weights = Array(batch.weights)
    indices = Array(batch.indices)
  }
}

@Suite struct BatchLoaderTests {
  private static let pipeline = try! TransformPipeline(
    [
      ("crop", PadAndCrop(size: ImageSize(width: 6, height: 5), padding: 2)), ("flip", HorizontalFlip()),
      ("color_jitter", ColorJitter(brightness: 0.3)),
    ], normalization: .cifar10, channels: 3, nativeSize: nil)

  private func sequence(
    _ count: Int, batch: Int, replicas: Int, running: Range<Int>? = nil, start: (epoch: Int, step: Int) = (0, 0),
    endEpoch: Int = 2, repeats: Int = 1
  ) throws -> BatchSequence {
    BatchSequence(
      try BatchSchedule(sampleCount: count, globalBatch: batch, replicas: replicas, repeats: repeats),
      replicas: running ?? 0..<replicas, seed: 17, isShuffled: true, start: start, endEpoch: endEpoch)
  }

  private func contents(
    _ sequence: BatchSequence, threads: Int = 2, ahead: Int = 3, dataset: CountedDataset? = nil, mixing: Mixing? = nil
  ) throws -> [Content] {
    let loader = BatchLoader(
      dataset ?? CountedDataset(count: sequence.schedule.sampleCount), Self.pipeline, sequence,
      LoaderSettings(threads: threads, batchesAhead: ahead), mixing: mixing)
    var result: [Content] = []
    while let batch = try loader.next() { result.append(Content(batch)) }
    #expect(try loader.next() == nil)
    return result
  }

  @Test func contentDoesNotDependOnThreads() throws {
    let sequence = try sequence(67, batch: 16, replicas: 4)
    let reference = try contents(sequence, threads: 0)
    #expect(reference.count == 2 * 5 * 4)
    for (threads, ahead) in [(1, 1), (1, 4), (2, 2), (4, 1), (5, 7)] {
      let dataset = CountedDataset(count: 67, microseconds: 30)
      #expect(try contents(sequence, threads: threads, ahead: ahead, dataset: dataset) == reference)
      #expect(dataset.readCount.load(ordering: .relaxed) == 2 * 67)
    }
  }

  @Test func contentDoesNotDependOnRanks() throws {
    let alone = try contents(sequence(67, batch: 16, replicas: 8))
    for ranks in [2, 4, 8] {
      let shared = try (0..<ranks).flatMap { rank in
        try contents(sequence(67, batch: 16, replicas: 8, running: rank * 8 / ranks..<(rank + 1) * 8 / ranks))
      }
      #expect(shared.count == alone.count)
      #expect(Set(shared) == Set(alone))
    }
  }

  /// A step holds the same samples, treated alike, whether one replica has them or eight.
  @Test func samplesOfAStepDoNotDependOnReplicas() throws {
    func steps(_ replicas: Int) throws -> [[Float]] {
      try contents(sequence(67, batch: 16, replicas: replicas)).reduce(into: [[Float]](repeating: [], count: 10)) {
        $0[$1.address.epoch * 5 + $1.address.step] += $1.images
      }
    }
    #expect(try steps(8) == steps(1))
  }

  @Test func eachSampleOncePerEpoch() throws {
    let batches = try contents(sequence(67, batch: 16, replicas: 8))
    for epoch in 0..<2 {
      let held = batches.filter { $0.address.epoch == epoch }
      #expect(held.flatMap(\.indices).sorted() == Array(0..<67))
      #expect(held.flatMap(\.weights).reduce(0, +) == 67)
      for batch in held { #expect(batch.labels == batch.indices.map { Int32($0 % 10) }) }
      // 3 samples over 8 replicas: 5 have none and still take part.
      #expect(held.filter { $0.indices.isEmpty }.count == 5)
    }
    #expect(batches[0].indices != batches[40].indices)
  }

  /// The same sample is cropped, flipped and coloured anew in every epoch.
  @Test func augmentationDiffersByEpoch() throws {
    var pictures: [Int: Set<[Float]>] = [:]
    for batch in try contents(sequence(67, batch: 16, replicas: 1, endEpoch: 4)) {
      for (place, index) in batch.indices.enumerated() {
        pictures[index, default: []].insert(Array(batch.images[place * 90..<(place + 1) * 90]))
      }
    }
    #expect(pictures.values.allSatisfy { $0.count == 4 })
  }

  @Test func seekEqualsSkipping() throws {
    let whole = try contents(sequence(67, batch: 16, replicas: 4))
    for (epoch, step) in [(0, 3), (0, 5), (1, 0), (1, 4)] {
      let rest = try contents(sequence(67, batch: 16, replicas: 4, start: (epoch, step)))
      #expect(rest == Array(whole.dropFirst((epoch * 5 + step) * 4)))
    }
    #expect(try contents(sequence(67, batch: 16, replicas: 4, start: (2, 0))).isEmpty)
  }

  /// Mixed and repeated batches follow from seed and replicas alone: not from threads, ranks, or where loading began.
  @Test(arguments: Mixing.Mode.allCases) func mixedContentDependsOnSeedAndReplicasAlone(mode: Mixing.Mode) throws {
    let mixing = Mixing(mixupAlpha: 0.8, cutmixAlpha: 1, probability: 0.9, mode: mode)
    let sequence = try sequence(67, batch: 16, replicas: 4, repeats: 2)
    let reference = try contents(sequence, threads: 0, mixing: mixing)
    for (threads, ahead) in [(1, 4), (4, 1), (5, 7)] {
      let dataset = CountedDataset(count: 67, microseconds: 30)
      #expect(try contents(sequence, threads: threads, ahead: ahead, dataset: dataset, mixing: mixing) == reference)
    }
    let shared = try [0..<2, 2..<4].flatMap { running in
      let part = try self.sequence(67, batch: 16, replicas: 4, running: running, repeats: 2)
      return try contents(part, mixing: mixing)
    }
    #expect(Set(shared) == Set(reference))
    let rest = try contents(self.sequence(67, batch: 16, replicas: 4, start: (1, 2), repeats: 2), mixing: mixing)
    #expect(rest == Array(reference.dropFirst((5 + 2) * 4)))
    // Steps are mixed differently; a window of a picture of 6x5 has few areas.
    #expect(Set(reference.compactMap(\.mixture?.shares)).count > 10)
  }

  /// What a mixed batch holds follows from the plain one and its shares: pixels and labels of the sample from the other
  /// end.
  @Test func mixupIsThatOfThePlainBatch() throws {
    let sequence = try sequence(67, batch: 14, replicas: 2)
    let plain = try contents(sequence), mixed = try contents(sequence, mixing: Mixing(mixupAlpha: 1, mode: .elem))
    for (own, other) in zip(plain, mixed) where own.indices.count > 0 {
      let count = own.indices.count, mixture = try #require(other.mixture)
      #expect(own.mixture == nil && own.labels == other.labels && own.indices == other.indices)
      #expect(mixture.partners == own.labels.reversed().map { Int($0) })
      for place in 0..<count {
        let share = mixture.shares[place], partner = count - 1 - place
        // The middle one of seven has nobody.
        let isAlone = partner == place
        #expect(isAlone == (share == 1))
        for pixel in 0..<90 {
          let (a, b) = (own.images[place * 90 + pixel], own.images[partner * 90 + pixel])
          #expect(other.images[place * 90 + pixel] == (isAlone ? a : a * share + b * (1 - share)))
        }
      }
    }
  }

  /// A broken sample stays out of its partner's picture and target.
  @Test func brokenSamplesAreNotMixed() throws {
    let dataset = CountedDataset(count: 40, broken: [5, 23])
    let sequence = try sequence(40, batch: 20, replicas: 1, endEpoch: 1)
    let mixing = Mixing(cutmixAlpha: 1)
    let plain = try contents(sequence, dataset: dataset), mixed = try contents(sequence, dataset: dataset, mixing: mixing)
    for (own, other) in zip(plain, mixed) {
      for place in own.weights.indices where own.weights[place] == 0 {
        for spared in [place, 19 - place] {
          #expect(other.mixture?.shares[spared] == 1)
          let pixels = spared * 90..<(spared + 1) * 90
          #expect(other.images[pixels] == own.images[pixels])
        }
      }
    }
  }

  /// A step's copies of a sample are augmented differently; the first is what the sample is without copies.
  @Test func repeatedSamplesAreAugmentedDifferently() throws {
    let once = try contents(sequence(67, batch: 16, replicas: 4))
    var alone: [[Int]: [Float]] = [:]
    for batch in once {
      for (place, index) in batch.indices.enumerated() {
        alone[[batch.address.epoch, index]] = Array(batch.images[place * 90..<(place + 1) * 90])
      }
    }
    var copies: [[Int]: [[Float]]] = [:]
    for batch in try contents(sequence(67, batch: 16, replicas: 4, repeats: 4)) {
      for (place, index) in batch.indices.enumerated() {
        let pixels = Array(batch.images[place * 90..<(place + 1) * 90])
        copies[[batch.address.epoch, batch.address.step, index], default: []].append(pixels)
      }
    }
    #expect(copies.values.reduce(0) { $0 + $1.count } == 2 * 67)
    for (key, pictures) in copies {
      #expect(pictures.count <= 4 && Set(pictures).count == pictures.count)
      #expect(pictures[0] == alone[[key[0], key[2]]])
    }
    #expect(copies.values.count { $0.count == 4 } == 2 * 16)
  }

  @Test func evaluationSeesEachSampleOnceInOrder() throws {
    for ranks in [1, 2, 3, 4] {
      let schedule = BatchSchedule(evaluating: 67, batch: 16, ranks: ranks)
      let shares = try (0..<ranks).map { try contents(BatchSequence(evaluating: schedule, rank: $0)) }
      #expect(shares.joined().flatMap(\.indices) == Array(0..<67))
      // All ranks take the same number of steps.
      #expect(Set(shares.map(\.count)) == [(5 + ranks - 1) / ranks])
    }
  }

  @Test(arguments: [0, 1, 3]) func brokenSamplesAreNamedAndWeighNothing(threads: Int) throws {
    let dataset = CountedDataset(count: 90, broken: [5, 23, 60])
    let loader = BatchLoader(
      dataset, Self.pipeline, try sequence(90, batch: 30, replicas: 1), LoaderSettings(threads: threads, maxBroken: 4))
    var met: [BrokenSample] = []
    while let batch = try loader.next() {
      met += batch.broken
      for (place, index) in batch.indices.enumerated() {
        let isBroken = [5, 23, 60, 77].contains(index)
        #expect(batch.weights[place] == (isBroken ? 0 : 1))
        let pixels = batch.images.array[place * 90..<(place + 1) * 90]
        #expect(pixels.allSatisfy { $0 == 0 } == isBroken)
        if isBroken { #expect(batch.labels[place] == 0) }
      }
    }
    // Both epochs meet all four; the ledger has each once.
    #expect(met.map(\.index).sorted() == [5, 5, 23, 23, 60, 60, 77, 77])
    #expect(Set(loader.broken.samples.map(\.index)) == [5, 23, 60, 77])
    #expect(loader.broken.samples.contains(BrokenSample(index: 23, name: "picture 23", reason: "not a picture")))
    #expect(
      loader.broken.samples.contains(BrokenSample(index: 77, name: "picture 77", reason: "class 10, but there are 10")))
  }

  /// The same call throws whatever the threads do, and every call after it.
  @Test(arguments: [0, 1, 4]) func tooManyBrokenSamplesEndTheRun(threads: Int) throws {
    let dataset = CountedDataset(count: 70, broken: [1, 2, 3])
    let loader = BatchLoader(
      dataset, Self.pipeline, try sequence(70, batch: 10, replicas: 1), LoaderSettings(threads: threads, maxBroken: 2))
    let order = loader.sequence.order(ofEpoch: 0)
    let places = (0..<70).filter { [1, 2, 3].contains(order.index(at: $0)) }
    for _ in 0..<places[2] / 10 { #expect(try loader.next() != nil) }
    for _ in 0..<2 {
      let error = #expect(throws: TooManyBrokenSamples.self) { try loader.next() }
      #expect(error?.samples.map(\.index).sorted() == [1, 2, 3])
      #expect("\(error!)".hasPrefix("3 broken samples, 2 are allowed (data.max_broken): picture "))
      #expect("\(error!)".contains("picture 2: not a picture"))
    }
  }

  @Test func shutdownInTheMiddle() throws {
    let dataset = CountedDataset(count: 100_000, microseconds: 100)
    let loader = BatchLoader(
      dataset, Self.pipeline, try sequence(100_000, batch: 1000, replicas: 1),
      LoaderSettings(threads: 3, batchesAhead: 8))
    _ = try loader.next()
    loader.shutdown()
    let read = dataset.readCount.load(ordering: .relaxed)
    #expect(read < 10_000)
    #expect(try loader.next() == nil)
    usleep(2000)
    #expect(dataset.readCount.load(ordering: .relaxed) == read)
    loader.shutdown()
  }

  @Test func denormalsAreFlushedInLoaderThreads() throws {
    let dataset = CountedDataset(count: 30)
    _ = try contents(try sequence(30, batch: 10, replicas: 1, endEpoch: 1), dataset: dataset)
    #expect(dataset.readCount.load(ordering: .relaxed) == 30)
    #expect(dataset.flushedCount.load(ordering: .relaxed) == 30)
  }

  /// Neither a loader that is dropped with threads at work nor one that was never asked keeps anything alive.
  @Test func droppedLoadersLeaveNothingBehind() throws {
    weak var dataset: CountedDataset?
    weak var batch: Batch?
    for asks in [0, 1, 3] {
      do {
        let strong = CountedDataset(count: 10_000, microseconds: 10)
        let loader = BatchLoader(
          strong, Self.pipeline, try sequence(10_000, batch: 100, replicas: 1), LoaderSettings(threads: 2))
        dataset = strong
        for _ in 0..<asks { batch = try loader.next() }
      }
      #expect(dataset == nil)
      #expect(batch == nil)
    }
  }

  /// The queue is bounded: while the consumer is away no more is loaded than was asked for.
  @Test func loadsNoFurtherAheadThanAsked() throws {
    let dataset = CountedDataset(count: 10_000)
    let loader = BatchLoader(
      dataset, Self.pipeline, try sequence(10_000, batch: 10, replicas: 1), LoaderSettings(threads: 2, batchesAhead: 3))
    _ = try loader.next()
    for _ in 0..<5000 where dataset.readCount.load(ordering: .relaxed) < 40 { usleep(1000) }
    usleep(5000)
    #expect(dataset.readCount.load(ordering: .relaxed) == 40)
  }

  /// Buffers are filled again, but never one that somebody still holds.
  @Test func buffersAreRecycledUnlessHeld() throws {
    let sequence = try sequence(400, batch: 10, replicas: 1)
    func buffers(holding: Bool) throws -> Int {
      let loader = BatchLoader(
        CountedDataset(count: 400), Self.pipeline, sequence, LoaderSettings(threads: 0, batchesAhead: 2))
      var held: [Batch] = [], first: [Content] = [], memories: Set<UnsafeMutablePointer<Float>> = []
      while let batch = try loader.next() {
        memories.insert(batch.images.pointer)
        if holding {
          held.append(batch)
          first.append(Content(batch))
        }
      }
      #expect(held.map { Content($0) } == first)
      return memories.count
    }
    #expect(try buffers(holding: false) <= 3)
    #expect(try buffers(holding: true) == 80)
  }

  @Test func waitingIsMeasured() throws {
    let dataset = CountedDataset(count: 30, microseconds: 1000)
    let loader = BatchLoader(
      dataset, Self.pipeline, try sequence(30, batch: 30, replicas: 1, endEpoch: 1), LoaderSettings(threads: 0))
    _ = try loader.next()
    // 10 samples of 1 ms and 10 of 2 ms.
    #expect(loader.waitedSeconds >= 0.03)
    #expect(loader.loadingSeconds >= 0.03 && loader.loadingSeconds <= loader.waitedSeconds)
  }
}
