import Foundation
import Glibc

/// A folder that is there whole or not at all: filled under a hidden name beside its place, flushed, then renamed.
///
/// What was at its place before stays good until that moment.
struct PendingFolder {
  /// Where it will be.
  let place: String
  /// Where its files are written meanwhile.
  let path: String
  private let parent: String

  /// Makes the hidden folder, and the folders above it.
  init(for place: String) throws(CheckpointError) {
    self.place = place
    parent = (place as NSString).deletingLastPathComponent
    path = parent + "/.writing-" + (place as NSString).lastPathComponent
    try? FileManager.default.removeItem(atPath: path)
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw CheckpointError(path: path, reason: "cannot be made: \(error.localizedDescription)")
    }
  }

  /// Lets `body` write the files, then puts the folder in place; whatever fails, nothing half-made is left.
  static func fill(_ place: String, _ body: (PendingFolder) throws -> Void) throws {
    let pending = try PendingFolder(for: place)
    do {
      try body(pending)
      try pending.commit()
    } catch {
      pending.discard()
      throw error
    }
  }

  /// Flushes everything and renames; a folder that was there is removed.
  func commit() throws {
    try Self.flush(path)
    let former = try Self.moveAside(place, as: "replaced")
    guard rename(path, place) == 0 else {
      let failure = Self.failure(place, "cannot be put in place")
      if let former { rename(former, place) }
      throw failure
    }
    try Self.flush(parent)
    if let former { try? FileManager.default.removeItem(atPath: former) }
  }

  /// Gives up.
  func discard() { try? FileManager.default.removeItem(atPath: path) }

  /// Writes one file of the folder and flushes it.
  func write(_ data: Data, to name: String) throws {
    let file = path + "/" + name
    let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Self.failure(file, "cannot be written") }
    defer { close(descriptor) }
    var done = 0
    try data.withUnsafeBytes { bytes in
      while done < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw Self.failure(file, "cannot be written") }
        done += count
      }
    }
    guard fsync(descriptor) == 0 else { throw Self.failure(file, "cannot be flushed") }
  }

  /// Removes a finished folder. It is moved first: a kill in between leaves no half-empty one under its name.
  static func remove(_ place: String) {
    if let aside = try? moveAside(place, as: "retired") { try? FileManager.default.removeItem(atPath: aside) }
  }

  /// Gives a folder its name again where a process was killed after moving it aside and before the new one of the same
  /// name had taken its place.
  static func putBack(_ folder: String) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where name.hasPrefix(".replaced-") {
      guard let start = name.firstRange(of: "step-")?.lowerBound else { continue }
      let place = folder + "/" + name[start...]
      if access(place, F_OK) != 0 { rename(folder + "/" + name, place) }
    }
  }

  /// Removes what interrupted writes and removals left in `folder`, after `putBack`.
  static func clean(_ folder: String) {
    putBack(folder)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where [".writing-", ".replaced-", ".retired-"].contains(where: name.hasPrefix) {
      try? FileManager.default.removeItem(atPath: folder + "/" + name)
    }
  }

  static func flush(_ folder: String) throws {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(folder, "cannot be opened") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure(folder, "cannot be flushed") }
  }

  static func failure(_ path: String, _ what: String) -> CheckpointError {
    CheckpointError(path: path, reason: "\(what): \(String(cString: strerror(errno)))")
  }

  /// Renames what is at `place` to a hidden name, which is returned; `nil` when there is nothing.
  private static func moveAside(_ place: String, as kind: String) throws -> String? {
    let parent = (place as NSString).deletingLastPathComponent
    let aside = parent + "/.\(kind)-\(getpid())-" + (place as NSString).lastPathComponent
    if rename(place, aside) == 0 { return aside }
    guard errno == ENOENT else { throw failure(place, "cannot be moved aside") }
    return nil
  }
}
