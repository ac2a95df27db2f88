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
    do {
      try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    } catch {
      throw .unwritable(path: self.path, reason: error.localizedDescription)
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
  case unwritable(path: String, reason: String)

  public var description: String {
    switch self {
    case .occupied(let path):
      "\(path) already holds a run: go on with it by `--resume latest`, or choose another folder with `--output`"
    case .unwritable(let path, let reason): "cannot make the folder \(path): \(reason)"
    }
  }
}
