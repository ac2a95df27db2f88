import Communication
import Foundation

/// The folder that a run leaves its results in, chosen by rank 0 alone.
public struct RunFolder: Hashable, Sendable {
  public let path: String

  public var checkpoints: String { path + "/checkpoints" }
  public var pictures: String { path + "/pictures" }

  /// What a run may find in the folder it is given.
  public enum Use: Sendable {
    /// A run begins here: the folder must not hold one.
    case fresh
    /// A run goes on here.
    case resumed
  }

  /// The folder at `path`, or without one the first free of `runs/NAME`, `runs/NAME-2`, …; made when it is not there.
  /// - Throws: `RunFolderError` when a fresh run finds another one's results, or the folder cannot be made.
  public init(_ path: String?, name: String, use: Use) throws(RunFolderError) {
    switch (path, use) {
    case (let path?, .resumed): self.path = path
    case (nil, .resumed): self.path = Self.newest(name) ?? "runs/\(name)"
    case (let path?, .fresh):
      if Self.holdsRun(path) { throw .occupied(path: path) }
      self.path = path
    case (nil, .fresh): self.path = Self.firstFree(name)
    }
    let code = Self.make(self.path)
    if code != 0 { throw .unwritable(path: self.path, code: code) }
  }

  /// Makes the folder with those above it; returns 0, or the system's error number.
  private static func make(_ path: String) -> Int32 {
    if mkdir(path, 0o755) == 0 { return 0 }
    let code = errno
    var status = stat()
    switch code {
    case EEXIST: return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR ? 0 : code
    case ENOENT:
      let above = (path as NSString).deletingLastPathComponent
      let failure = above.isEmpty || above == path ? code : make(above)
      return failure != 0 ? failure : mkdir(path, 0o755) == 0 || errno == EEXIST ? 0 : errno
    default: return code
    }
  }

  /// Whether a run has left something there.
  static func holdsRun(_ path: String) -> Bool {
    ["metrics.jsonl", "run.yaml", "checkpoints"].contains { FileManager.default.fileExists(atPath: path + "/" + $0) }
  }

  private static func place(_ name: String, _ number: Int) -> String {
    number == 1 ? "runs/\(name)" : "runs/\(name)-\(number)"
  }

  private static func firstFree(_ name: String) -> String {
    var number = 1
    while holdsRun(place(name, number)) { number += 1 }
    return place(name, number)
  }

  private static func newest(_ name: String) -> String? {
    var number = 1
    while holdsRun(place(name, number)) { number += 1 }
    return number == 1 ? nil : place(name, number - 1)
  }
}

/// A folder that a run cannot use.
public enum RunFolderError: Error, Hashable, Sendable, CustomStringConvertible {
  case occupied(path: String)
  /// The system's error number says why.
  case unwritable(path: String, code: Int32)

  /// Whether it is the disk's fault, not the path's.
  public var isDisk: Bool {
    guard case .unwritable(_, let code) = self else { return false }
    return [ENOSPC, EDQUOT, EROFS, EACCES, EPERM, EIO].contains(code)
  }

  public var description: String {
    switch self {
    case .occupied(let path):
      "\(path) already holds a run: go on with it by `--resume latest`, or choose another folder with `--output`"
    case .unwritable(let path, let code): "cannot make the folder \(path): \(String(cString: strerror(code)))"
    }
  }
}
