/// Pictures and labels in IDX files, the format of MNIST and Fashion-MNIST, packed by gzip or not; held in memory.
///
/// A file is a big-endian header (magic 2051 and count, rows, columns for pictures; magic 2049 and count for labels),
/// then one byte a pixel or label.
public struct IDX: ImageDataset {
  public let classNames: [String]
  public let count: Int
  public var imageSize: ImageSize? { ImageSize(width: columns, height: rows) }
  private let pictureFile: String
  private let rows: Int
  private let columns: Int
  private let pixels: [UInt8]
  private let labels: [UInt8]

  /// Reads `train-…` or `t10k-images-idx3-ubyte` and `…-labels-idx1-ubyte` from the folder `root`, each with or
  /// without `.gz`.
  /// - Throws: `DatasetError` for a missing or damaged file, a wrong magic number or size, a label out of range, and
  ///   counts of pictures and labels that differ.
  public init(root: String, classNames: [String], split: Split) throws(DatasetError) {
    guard FileBytes.exists(root) else { throw DatasetError(file: root, reason: "does not exist") }
    let prefix = split == .training ? "train" : "t10k"
    let pictures = try Block(folder: root, name: "\(prefix)-images-idx3-ubyte", magic: 2051, sizeCount: 3)
    let labels = try Block(folder: root, name: "\(prefix)-labels-idx1-ubyte", magic: 2049, sizeCount: 1)
    guard pictures.sizes[0] == labels.sizes[0] else {
      throw DatasetError(
        file: labels.path,
        reason: "has \(labels.sizes[0]) labels for the \(pictures.sizes[0]) pictures of \(pictures.path)")
    }
    if let wrong = labels.elements.firstIndex(where: { $0 >= classNames.count }) {
      let label = labels.elements[wrong]
      throw DatasetError(
        file: labels.path, reason: "has label \(label) in record \(wrong); labels are 0 to \(classNames.count - 1)")
    }
    self.classNames = classNames
    count = pictures.sizes[0]
    rows = pictures.sizes[1]
    columns = pictures.sizes[2]
    pictureFile = pictures.path
    pixels = pictures.elements
    self.labels = labels.elements
  }

  public func name(of index: Int) -> String { "\(pictureFile) record \(index)" }

  /// `minimumSide` has no effect: pictures are delivered as stored.
  public func sample(at index: Int, minimumSide: Int? = nil) -> Sample {
    precondition(index >= 0 && index < count, "sample \(index) of \(count)")
    let area = rows * columns
    let image = Image(
      width: columns, height: rows, channels: 1, pixels: Array(pixels[(index * area)..<((index + 1) * area)]))
    return Sample(image: image, label: Int(labels[index]))
  }

  /// One file: its sizes from the header, and its bytes behind it.
  private struct Block {
    let path: String
    let sizes: [Int]
    let elements: [UInt8]

    init(folder: String, name: String, magic: Int, sizeCount: Int) throws(DatasetError) {
      let candidates = ["\(folder)/\(name)", "\(folder)/\(name).gz"]
      guard let path = candidates.first(where: FileBytes.exists) else {
        throw DatasetError(file: folder, reason: "holds neither \(name) nor \(name).gz")
      }
      let file = try FileBytes.read(path), isPacked = file.starts(with: GzipReader.magic)
      let headerBytes = 4 + 4 * sizeCount
      func unpacked(atMost bytes: Int = 1 << 31, first wanted: Int = .max) throws(FormatError) -> [UInt8] {
        try isPacked ? GzipReader.decode(file, maximumBytes: bytes, first: wanted) : Array(file.prefix(wanted))
      }

      let header: [UInt8]
      do { header = try unpacked(first: headerBytes) } catch { throw DatasetError(file: path, error) }
      guard header.count == headerBytes else {
        throw DatasetError(file: path, reason: "has \(header.count) bytes, fewer than its header's \(headerBytes)")
      }
      func integer(at offset: Int) -> Int { header[offset..<(offset + 4)].reduce(0) { $0 << 8 | Int($1) } }
      guard integer(at: 0) == magic else {
        throw DatasetError(file: path, reason: "begins with magic number \(integer(at: 0)); \(magic) is wanted")
      }
      let sizes = (0..<sizeCount).map { integer(at: 4 + 4 * $0) }
      let stated = "states \(sizes.map(String.init).joined(separator: "x")) elements of a byte, but"
      // Each size is below 2^32, so the product of three may overflow.
      let product = sizes.reduce((1, false)) { total, size in
        let (value, overflow) = total.0.multipliedReportingOverflow(by: size)
        return (value, total.1 || overflow)
      }
      let most = product.1 ? 1 << 31 : min(product.0, 1 << 31)
      let whole: [UInt8]
      // No further than the header says: a few bytes can be packed that unpack to all of a machine's memory.
      do { whole = try unpacked(atMost: headerBytes + most) } catch {
        throw DatasetError(file: path, reason: "\(stated) \(error.reason)")
      }
      guard !product.1, product.0 > 0, product.0 == whole.count - headerBytes else {
        throw DatasetError(file: path, reason: "\(stated) \(whole.count - headerBytes) bytes follow")
      }
      self.path = path
      self.sizes = sizes
      elements = Array(whole[headerBytes...])
    }
  }
}
