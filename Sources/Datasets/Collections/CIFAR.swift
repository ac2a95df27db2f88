/// CIFAR-10 and CIFAR-100 in their binary version (Krizhevsky 2009): 32x32 RGB, held in memory as stored.
///
/// A record is one label byte (CIFAR-100: coarse, then fine), then 1,024 red, 1,024 green and 1,024 blue bytes, row by
/// row. The number of records comes from the files' sizes, and CIFAR-10 may have any of its five training files.
public struct CIFAR: ImageDataset {
  public enum Version: Sendable {
    case cifar10
    /// CIFAR-100 with its 100 classes.
    case cifar100Fine
    /// CIFAR-100 with its 20 superclasses.
    case cifar100Coarse
  }

  public static let side = 32
  private static let pixelBytes = 3 * side * side

  public let classNames: [String]
  public var count: Int { records.count / recordBytes }
  public var imageSize: ImageSize? { ImageSize(side: Self.side) }
  private let labelBytes: Int
  private let labelOffset: Int
  private var recordBytes: Int { labelBytes + Self.pixelBytes }
  private let records: [UInt8]
  /// Each file and its first record's index.
  private let files: [(path: String, firstRecord: Int)]

  /// Reads the files of one split from `root`, or from the archive's own folder inside it.
  /// - Throws: `DatasetError` for a missing file, a size that is no multiple of the record's, a label out of range.
  public init(root: String, version: Version, split: Split) throws(DatasetError) {
    let isTen = version == .cifar10
    labelBytes = isTen ? 1 : 2
    labelOffset = version == .cifar100Fine ? 1 : 0
    let (namesFile, classCount) =
      switch version {
      case .cifar10: ("batches.meta.txt", 10)
      case .cifar100Fine: ("fine_label_names.txt", 100)
      case .cifar100Coarse: ("coarse_label_names.txt", 20)
      }
    guard FileBytes.exists(root) else { throw DatasetError(file: root, reason: "does not exist") }
    let unpacked = "\(root)/\(isTen ? "cifar-10-batches-bin" : "cifar-100-binary")"
    let folder = FileBytes.exists("\(unpacked)/\(namesFile)") ? unpacked : root

    classNames = try FileBytes.lines("\(folder)/\(namesFile)")
    guard classNames.count == classCount else {
      throw DatasetError(
        file: "\(folder)/\(namesFile)", reason: "names \(classNames.count) classes; \(classCount) are wanted")
    }

    let names =
      switch (split, isTen) {
      case (.training, true): (1...5).map { "data_batch_\($0).bin" }
      case (.evaluation, true): ["test_batch.bin"]
      case (.training, false): ["train.bin"]
      case (.evaluation, false): ["test.bin"]
      }
    let paths = names.map { "\(folder)/\($0)" }.filter(FileBytes.exists)
    guard !paths.isEmpty else {
      let wanted = names.count == 1 ? names[0] : "any of \(names[0]) to \(names[names.count - 1])"
      throw DatasetError(file: folder, reason: "does not hold \(wanted)")
    }

    let recordBytes = labelBytes + Self.pixelBytes
    var records: [UInt8] = []
    var files: [(path: String, firstRecord: Int)] = []
    for path in paths {
      let file = try FileBytes.read(path)
      let (whole, rest) = file.count.quotientAndRemainder(dividingBy: recordBytes)
      guard whole + rest > 0 else { throw DatasetError(file: path, reason: "has no records") }
      guard rest == 0 else {
        throw DatasetError(
          file: path,
          reason: "has \(file.count) bytes; \(whole) records of \(recordBytes) leave \(rest) bytes over")
      }
      for record in 0..<whole {
        let label = Int(file[record * recordBytes + labelOffset])
        guard label < classCount else {
          throw DatasetError(
            file: path, reason: "has label \(label) in record \(record); labels are 0 to \(classCount - 1)")
        }
      }
      files.append((path, records.count / recordBytes))
      records += file
    }
    self.records = records
    self.files = files
  }

  public func name(of index: Int) -> String {
    let file = files.last { $0.firstRecord <= index } ?? files[0]
    return "\(file.path) record \(index - file.firstRecord)"
  }

  /// `minimumSide` has no effect: pictures are delivered as stored.
  public func sample(at index: Int, minimumSide: Int? = nil) -> Sample {
    precondition(index >= 0 && index < count, "sample \(index) of \(count)")
    let record = index * recordBytes
    let plane = Self.side * Self.side
    let pixels = [UInt8](unsafeUninitializedCapacity: Self.pixelBytes) { pixels, byteCount in
      records.withUnsafeBufferPointer { records in
        let stored = records.baseAddress! + record + labelBytes
        for pixel in 0..<plane {
          for channel in 0..<3 { pixels[3 * pixel + channel] = stored[channel * plane + pixel] }
        }
      }
      byteCount = Self.pixelBytes
    }
    let image = Image(width: Self.side, height: Self.side, channels: 3, pixels: pixels)
    return Sample(image: image, label: Int(records[record + labelOffset]))
  }
}
