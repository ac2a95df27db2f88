import Datasets
import Testing

@Suite struct IDXTests {
  static func header(_ numbers: Int...) -> [UInt8] {
    numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }
  }
  static let names = ["a", "b", "c"]

  /// Ten pictures of 2 rows and 3 columns that count upwards.
  static func miniature(prefix: String = "train") throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(header(2051, 10, 2, 3) + (0..<60).map { UInt8($0) }, to: "\(prefix)-images-idx3-ubyte")
    try folder.write(header(2049, 10) + (0..<10).map { UInt8($0 % 3) }, to: "\(prefix)-labels-idx1-ubyte")
    return folder
  }

  @Test(arguments: Split.allCases) func readsEveryRecord(split: Split) throws {
    let folder = try Self.miniature(prefix: split == .training ? "train" : "t10k")
    let set = try IDX(root: folder.path, classNames: Self.names, split: split)
    #expect(set.count == 10)
    for index in 0..<10 {
      let sample = set.sample(at: index)
      #expect(sample.label == index % 3)
      let pixels = (0..<6).map { UInt8(6 * index + $0) }
      #expect(sample.image == Image(width: 3, height: 2, channels: 1, pixels: pixels))
    }
  }

  @Test func readsGzip() throws {
    let folder = try Self.miniature()
    // gzip of header(2049, 10) and the labels above.
    try folder.write([
      0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x63, 0x60, 0xE0, 0x60, 0x64, 0x60,
      0x60, 0xE0, 0x62, 0x60, 0x64, 0x82, 0x22, 0x00, 0x20, 0x48, 0x6A, 0x98, 0x12, 0x00, 0x00, 0x00,
    ], to: "train-labels-idx1-ubyte.gz")
    try folder.remove("train-labels-idx1-ubyte")
    let set = try IDX(root: folder.path, classNames: Self.names, split: .training)
    #expect((0..<10).map { set.sample(at: $0).label } == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
  }

  @Test func saysWhatIsWrong() throws {
    let images = "train-images-idx3-ubyte", labels = "train-labels-idx1-ubyte"
    let wholeImages = Self.header(2051, 10, 2, 3) + [UInt8](repeating: 0, count: 60)
    let wholeLabels = Self.header(2049, 10) + [UInt8](repeating: 0, count: 10)
    for (file, bytes, reason) in [
      (images, Self.header(2049, 10, 2, 3), "begins with magic number 2049; 2051 is wanted"),
      (images, Array(wholeImages.dropLast()), "states 10x2x3 elements of a byte, but 59 bytes follow"),
      (images, wholeImages + [0], "states 10x2x3 elements of a byte, but 61 bytes follow"),
      (images, Self.header(2051, 0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF) + [0],
        "states 4294967295x4294967295x4294967295 elements of a byte, but 1 bytes follow"),
      (images, Array(wholeImages.prefix(15)), "has 15 bytes, fewer than its header's 16"),
      (labels, wholeLabels.dropLast(1) + [3], "has label 3 in record 9; labels are 0 to 2"),
      (labels, [0x1F, 0x8B, 8, 0], "is truncated: gzip data end after 0 unpacked bytes"),
      (labels, Self.header(2049, 9) + [UInt8](repeating: 0, count: 9),
        "has 9 labels for the 10 pictures of FOLDER/\(images)"),
    ] {
      let folder = try Self.miniature()
      try folder.write(bytes, to: file)
      let wanted = reason.replacing("FOLDER", with: folder.path)
      #expect(throws: DatasetError(file: "\(folder.path)/\(file)", reason: wanted)) {
        try IDX(root: folder.path, classNames: Self.names, split: .training)
      }
    }
    let folder = try Self.miniature()
    let reason = "holds neither t10k-images-idx3-ubyte nor t10k-images-idx3-ubyte.gz"
    #expect(throws: DatasetError(file: folder.path, reason: reason)) {
      try IDX(root: folder.path, classNames: Self.names, split: .evaluation)
    }
  }

  @Test(.enabled(if: Fixture.realData != nil)) func readsTheRealSet() throws {
    let root = try #require(Fixture.realData) + "/fashion-mnist"
    let names = (0..<10).map(String.init)
    let training = try IDX(root: root, classNames: names, split: .training)
    let evaluation = try IDX(root: root, classNames: names, split: .evaluation)
    #expect(training.count == 20_000 && evaluation.count == 10_000)
    #expect((0..<8).map { training.sample(at: $0).label } == [9, 0, 0, 3, 0, 2, 7, 2])
    #expect((0..<8).map { evaluation.sample(at: $0).label } == [9, 2, 1, 1, 6, 1, 4, 6])
    #expect(checksum(evaluation.sample(at: 9_999).image.pixels) == 0xA90A_DBFB_EDF9_DDEF)
    for label in 0..<10 {
      #expect((0..<10_000).count { evaluation.sample(at: $0).label == label } == 1_000)
    }
  }
}
