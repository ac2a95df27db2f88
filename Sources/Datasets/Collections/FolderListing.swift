import Glibc

/// The visible names in a folder, sorted by their bytes (as Python sorts, so that class numbers agree with its tools).
struct FolderListing {
  private(set) var folders: [String] = []
  private(set) var files: [String] = []

  /// Links count as what they lead to; a broken link counts as a file, to be reported when it is read.
  /// - Parameter boundary: what no link may lead out of.
  /// - Throws: `DatasetError` for a folder that cannot be read, and for a link that leads out.
  init(_ path: String, within boundary: LinkBoundary) throws(DatasetError) {
    guard let stream = opendir(path) else { throw DatasetError(file: path, reason: FileBytes.sentence(errno)) }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasPrefix(".") { continue }
      // The kind comes with the entry, which spares network file systems a question for each of a million files.
      let isFolder =
        switch Int(entry.pointee.d_type) {
        case DT_DIR: true
        case DT_REG: false
        default: Self.leadsToFolder("\(path)/\(name)")
        }
      // Some file systems do not say what an entry is.
      if ![DT_DIR, DT_REG].contains(Int(entry.pointee.d_type)) { try boundary.check("\(path)/\(name)") }
      if isFolder { folders.append(name) } else { files.append(name) }
    }
    folders.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    files.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private static func leadsToFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}

/// What symbolic links below a data set's folder may lead to: a set that was unpacked from somebody's archive must not
/// make the program read other files of this machine.
struct LinkBoundary {
  /// The folder without links in its path; `nil` lets links lead anywhere.
  private let root: String?

  /// - Parameter isOpen: whether links may lead anywhere, as in folders made of links to a set that lies elsewhere.
  init(_ root: String, isOpen: Bool) { self.root = isOpen ? nil : Self.resolved(root) }

  /// - Throws: `DatasetError` where `path` is a link, or lies behind one, that leads out of the folder. A broken link
  ///   leads nowhere.
  func check(_ path: String) throws(DatasetError) {
    guard let root, let target = Self.resolved(path), target != root, !target.hasPrefix(root == "/" ? "/" : root + "/")
    else { return }
    throw DatasetError(
      file: path,
      reason: "is a symbolic link to '\(target)', out of the data set's folder; data.follow_links=true allows that")
  }

  private static func resolved(_ path: String) -> String? {
    guard let path = realpath(path, nil) else { return nil }
    defer { free(path) }
    return String(cString: path)
  }
}

/// The relative paths of a collection's files in one block of bytes: a third of what as many strings would take.
struct FileIndex: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  var count: Int { ends.count }

  subscript(index: Int) -> String {
    String(decoding: bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]], as: UTF8.self)
  }

  mutating func append(_ path: String) {
    bytes += path.utf8
    ends.append(bytes.count)
  }

  /// Appends the pictures below `folder/relative`, first a folder's own, then those of its folders.
  mutating func append(
    picturesBelow relative: String, of folder: String, within boundary: LinkBoundary, depth: Int = 0
  ) throws(DatasetError) {
    guard depth < 16 else {
      throw DatasetError(file: "\(folder)/\(relative)", reason: "lies 16 folders deep; do links run in a circle?")
    }
    let listing = try FolderListing("\(folder)/\(relative)", within: boundary)
    for file in listing.files where Self.isPicture(file) { append("\(relative)/\(file)") }
    for inner in listing.folders {
      try append(picturesBelow: "\(relative)/\(inner)", of: folder, within: boundary, depth: depth + 1)
    }
  }

  private static func isPicture(_ name: String) -> Bool {
    let lowercased = name.lowercased()
    return [".jpg", ".jpeg", ".png"].contains(where: lowercased.hasSuffix)
  }
}
