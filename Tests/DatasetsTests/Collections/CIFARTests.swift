import Datasets
import Testing

@Suite struct CIFARTests {
  static let names = (0..<10).map { "class\($0)" }

  /// Record r: label r % 10; red = r, green = column, blue = row.
  static func records(_ numbers: Range<Int>, labels: (Int) -> [UInt8] = { [UInt8($0 % 10)] }) -> [UInt8] {
    numbers.flatMap { number -> [UInt8] in
      let red = [UInt8](repeating: UInt8(number), count: 1024)
      return labels(number) + red + (0..<1024).map { UInt8($0 % 32) } + (0..<1024).map { UInt8($0 / 32) }
    }
  }

  static func miniature() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(names.joined(separator: "\n") + "\n\n", to: "batches.meta.txt")
    try folder.write(records(0..<6), to: "data_batch_1.bin")
    try folder.write(records(6..<10), to: "data_batch_3.bin")
    try folder.write(records(40..<42), to: "test_batch.bin")
    return folder
  }

  @Test func readsEveryRecord() throws {
    let folder = try Self.miniature()
    let training = try CIFAR(root: folder.path, version: .cifar10, split: .training)
    #expect(training.count == 10)
    #expect(training.classNames == Self.names)
    for index in 0..<10 {
      let sample = training.sample(at: index)
      #expect(sample.label == index)
      #expect(sample.image.width == 32 && sample.image.height == 32 && sample.image.channels == 3)
      let red = UInt8(index)
      #expect(Array(sample.image.pixels[(3 * (5 * 32 + 9))..<(3 * (5 * 32 + 9) + 3)]) == [red, 9, 5])
    }
    #expect(training.name(of: 5) == "\(folder.path)/data_batch_1.bin record 5")
    #expect(training.name(of: 6) == "\(folder.path)/data_batch_3.bin record 0")
    let evaluation = try CIFAR(root: folder.path, version: .cifar10, split: .evaluation)
    #expect(evaluation.count == 2 && evaluation.sample(at: 1).label == 1)
  }

  @Test func readsBothLabelsOfCIFAR100() throws {
    let folder = try TemporaryFolder()
    let names = { (count: Int) in (0..<count).map { "name\($0)" }.joined(separator: "\n") }
    try folder.write(names(100), to: "cifar-100-binary/fine_label_names.txt")
    try folder.write(names(20), to: "cifar-100-binary/coarse_label_names.txt")
    try folder.write(Self.records(0..<3) { [UInt8($0 + 17), UInt8($0 + 90)] }, to: "cifar-100-binary/train.bin")
    let fine = try CIFAR(root: folder.path, version: .cifar100Fine, split: .training)
    let coarse = try CIFAR(root: folder.path, version: .cifar100Coarse, split: .training)
    #expect((0..<3).map { fine.sample(at: $0).label } == [90, 91, 92])
    #expect((0..<3).map { coarse.sample(at: $0).label } == [17, 18, 19])
    #expect(fine.classNames.count == 100 && coarse.classNames.count == 20)
    #expect(Array(fine.sample(at: 2).image.pixels.suffix(3)) == [2, 31, 31])
  }

  @Test func saysWhatIsWrong() throws {
    let folder = try Self.miniature()
    func expect(_ reason: String, file: String? = nil) {
      let path = file.map { "\(folder.path)/\($0)" } ?? folder.path
      #expect(throws: DatasetError(file: path, reason: reason)) {
        try CIFAR(root: folder.path, version: .cifar10, split: .evaluation)
      }
    }
    try folder.write(Array(Self.records(0..<2).dropLast()), to: "test_batch.bin")
    expect("has 6145 bytes; 1 records of 3073 leave 3072 bytes over", file: "test_batch.bin")
    try folder.write([], to: "test_batch.bin")
    expect("has no records", file: "test_batch.bin")
    try folder.write(Self.records(0..<3) { [UInt8($0 * 5)] }, to: "test_batch.bin")
    expect("has label 10 in record 2; labels are 0 to 9", file: "test_batch.bin")
    try folder.write("a\nb\n", to: "batches.meta.txt")
    expect("names 2 classes; 10 are wanted", file: "batches.meta.txt")

    let empty = try TemporaryFolder()
    try empty.write(Self.names.joined(separator: "\n"), to: "batches.meta.txt")
    let reason = "does not hold any of data_batch_1.bin to data_batch_5.bin"
    #expect(throws: DatasetError(file: empty.path, reason: reason)) {
      try CIFAR(root: empty.path, version: .cifar10, split: .training)
    }
    #expect(throws: DatasetError(file: "/no/such", reason: "does not exist")) {
      try CIFAR(root: "/no/such", version: .cifar10, split: .training)
    }
  }

  @Test(.enabled(if: Fixture.realData != nil)) func readsTheRealSet() throws {
    let root = try #require(Fixture.realData) + "/cifar10"
    let training = try CIFAR(root: root, version: .cifar10, split: .training)
    let evaluation = try CIFAR(root: root, version: .cifar10, split: .evaluation)
    #expect(training.count == 10_000 && evaluation.count == 2_000)
    #expect(training.classNames.first == "airplane" && training.classNames.last == "truck")
    #expect((0..<8).map { training.sample(at: $0).label } == [8, 9, 7, 3, 4, 1, 5, 1])
    #expect((0..<8).map { evaluation.sample(at: $0).label } == [6, 7, 6, 8, 0, 5, 8, 3])
    for label in 0..<10 {
      #expect((0..<2_000).count { evaluation.sample(at: $0).label == label } == 200)
    }
  }
}
