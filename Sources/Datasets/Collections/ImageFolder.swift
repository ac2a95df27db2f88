/// Pictures sorted into class folders: `root/train/<class>/…` and `root/val/<class>/…`, JPEG or PNG.
///
/// Names are listed once, when the set is opened; files are read when their sample is. Classes are numbered by their
/// sorted names in `train`, for `val` as well, so that a class without evaluation pictures shifts no label. Without
/// `train`, `val` numbers them.
public struct ImageFolder: ImageDataset {
  public let classNames: [String]
  public var count: Int { files.count }
  private let folder: String
  private let files: FileIndex
  /// The index of each class's first file, and at the end the number of files.
  private let classStarts: [Int]

  /// Lists the pictures of one split.
  /// - Parameter followsLinks: whether symbolic links may lead out of `root`; within it they always may.
  /// - Throws: `DatasetError` for a missing folder, no class folders, a training class without pictures, an evaluation
  ///   class that training does not have, a link that leads out.
  public init(root: String, split: Split, followsLinks: Bool = false) throws(DatasetError) {
    guard FileBytes.exists(root) else { throw DatasetError(file: root, reason: "does not exist") }
    let training = "\(root)/train", boundary = LinkBoundary(root, isOpen: followsLinks)
    folder = split == .training ? training : "\(root)/val"
    guard FileBytes.exists(folder) else {
      let present = try FolderListing(root, within: boundary).folders
      // Whoever named a folder of a thousand others by mistake wants a few of them.
      let named = present.prefix(8).map { "'\($0.prefix(80))'" }.joined(separator: ", ")
      let others = present.count > 8 ? " and \(present.count - 8) more" : ""
      let found = present.isEmpty ? "no folders" : "the folders \(named)\(others)"
      throw DatasetError(file: folder, reason: "does not exist; \(root) has \(found)")
    }

    for place in [folder, training] { try boundary.check(place) }
    let present = try FolderListing(folder, within: boundary).folders
    let classNames = FileBytes.exists(training) ? try FolderListing(training, within: boundary).folders : present
    guard !classNames.isEmpty else { throw DatasetError(file: folder, reason: "has no class folders") }
    if let unknown = present.first(where: { !classNames.contains($0) }) {
      throw DatasetError(file: "\(folder)/\(unknown)", reason: "is a class that \(training) does not have")
    }

    var files = FileIndex()
    var classStarts = [0]
    let isPresent = Set(present)
    for name in classNames {
      if isPresent.contains(name) { try files.append(picturesBelow: name, of: folder, within: boundary) }
      if split == .training && files.count == classStarts.last {
        throw DatasetError(file: "\(folder)/\(name)", reason: "has no .jpg, .jpeg or .png file")
      }
      classStarts.append(files.count)
    }
    guard files.count > 0 else { throw DatasetError(file: folder, reason: "has no .jpg, .jpeg or .png file") }
    self.classNames = classNames
    self.files = files
    self.classStarts = classStarts
  }

  public func name(of index: Int) -> String { "\(folder)/\(files[index])" }

  public func sample(at index: Int, minimumSide: Int? = nil) throws -> Sample {
    Sample(image: try ImageFile.decode(path: name(of: index), minimumSide: minimumSide), label: label(of: index))
  }

  /// The class of a sample, without reading its file.
  public func label(of index: Int) -> Int {
    precondition(index >= 0 && index < count, "sample \(index) of \(count)")
    // The last class that begins at or before the index.
    var low = 0, high = classNames.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if classStarts[middle] <= index { low = middle } else { high = middle - 1 }
    }
    return low
  }
}
