import CZlib
import Datasets
import Support
import Testing

/// Whatever the files of MNIST and CIFAR hold, the answer is a data set whose every sample can be taken, or a
/// `DatasetError`.
@Suite struct BinaryFuzzTests {
  @Test func `Ten thousand damaged IDX files give samples or a sentence`() throws {
    let folder = try ScratchFolder(), seeds = Self.idx()
    let tally = try fuzz(
      Mutator("IDX", seeds: [seeds.pictures, seeds.labels]), refusal: DatasetError.self
    ) { bytes, number in
      let isPicture = number % 2 == 0
      try Self.readIDX(folder, pictures: isPicture ? bytes : seeds.pictures, isPicture ? seeds.labels : bytes)
    }
    #expect(tally.refused > 5_000 && tally.accepted > 100, "\(tally)")
  }

  /// By turns damage to what is packed and to what gzip made of it.
  @Test func `Ten thousand damaged packed IDX files give samples or a sentence`() throws {
    let folder = try ScratchFolder(), seeds = Self.idx()
    let packed = try gzip(seeds.pictures)
    let inside = Mutator("IDX inside gzip", seeds: [seeds.pictures])
    let tally = try fuzz(
      Mutator("IDX.gz", seeds: [packed, packed + packed]), refusal: DatasetError.self
    ) { bytes, number in
      let pictures = number % 2 == 0 ? bytes : try gzip(inside.mutation(number))
      try Self.readIDX(folder, pictures: pictures, seeds.labels)
    }
    #expect(tally.refused > 5_000 && tally.accepted > 100, "\(tally)")
  }

  @Test func `Ten thousand damaged CIFAR files give samples or a sentence`() throws {
    let folder = try ScratchFolder()
    let names = Array((0..<10).map { "class\($0)\n" }.joined().utf8), records = CIFARTests.records(0..<2)
    let namesMutator = Mutator("CIFAR names", seeds: [names], .text)
    try folder.write(names, to: "batches.meta.txt")
    let tally = try fuzz(
      Mutator("CIFAR", seeds: [records, CIFARTests.records(9..<10)]), refusal: DatasetError.self
    ) { bytes, number in
      try folder.write(number % 8 == 0 ? namesMutator.mutation(number) : names, to: "batches.meta.txt")
      try folder.write(number % 8 == 0 ? records : bytes, to: "data_batch_1.bin")
      let set = try CIFAR(root: folder.path, version: .cifar10, split: .training)
      for index in 0..<set.count {
        let sample = set.sample(at: index)
        #expect(set.classNames.indices.contains(sample.label) && sample.image.pixels.count == 3072)
      }
    }
    #expect(tally.refused > 3_000 && tally.accepted > 100, "\(tally)")
  }

  @Test func `A packed file that grows to more than its header says is stopped there`() throws {
    let folder = try ScratchFolder()
    let bomb = try gzip(Self.idx().pictures + [UInt8](repeating: 0, count: 1 << 26))
    #expect(bomb.count < 1 << 17)
    try folder.write(bomb, to: "train-images-idx3-ubyte")
    try folder.write(Self.idx().labels, to: "train-labels-idx1-ubyte")
    let error = #expect(throws: DatasetError.self) {
      try IDX(root: folder.path, classNames: IDXTests.names, split: .training)
    }
    #expect(error?.reason == "states 3x2x3 elements of a byte, but unpacks to more than 34 bytes")
  }

  private static func readIDX(_ folder: ScratchFolder, pictures: [UInt8], _ labels: [UInt8]) throws {
    try folder.write(pictures, to: "train-images-idx3-ubyte")
    try folder.write(labels, to: "train-labels-idx1-ubyte")
    let set = try IDX(root: folder.path, classNames: IDXTests.names, split: .training)
    for index in 0..<set.count {
      let sample = set.sample(at: index)
      #expect(set.classNames.indices.contains(sample.label))
      #expect(sample.image.pixels.count == sample.image.width * sample.image.height)
    }
  }

  /// Three pictures of 2 rows and 3 columns.
  private static func idx() -> (pictures: [UInt8], labels: [UInt8]) {
    (IDXTests.header(2051, 3, 2, 3) + (0..<18).map { UInt8($0) }, IDXTests.header(2049, 3) + [0, 1, 2])
  }
}

/// The bytes as one member of gzip.
func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
  var stream = z_stream()
  // 15 = the largest window; 16 = with gzip's header.
  guard
    deflateInit2_(
      &stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK
  else { throw FuzzFailure(description: "zlib does not start") }
  defer { deflateEnd(&stream) }
  var input = bytes
  var packed = [UInt8](repeating: 0, count: bytes.count / 500 + 128 + min(bytes.count, 1 << 16))
  let status = input.withUnsafeMutableBufferPointer { input in
    packed.withUnsafeMutableBufferPointer { output in
      stream.next_in = input.baseAddress
      stream.avail_in = uInt(input.count)
      stream.next_out = output.baseAddress
      stream.avail_out = uInt(output.count)
      return deflate(&stream, Z_FINISH)
    }
  }
  guard status == Z_STREAM_END else { throw FuzzFailure(description: "zlib does not end: \(status)") }
  return Array(packed.prefix(Int(stream.total_out)))
}
