import Foundation
import Glibc
import Safetensors

/// The checkpoints of one run: `step-000123/{model.safetensors, optimizer.safetensors, state.json}` and `latest`.
///
/// A checkpoint is written into a hidden folder, flushed and renamed, then `latest` (a symbolic link) is swapped by a
/// rename: whatever happens in between, what was good before stays good. Only rank 0 has one.
public struct CheckpointStore: Sendable {
  public let folder: String
  /// Of the newest checkpoints, and of those with the best metric, so many are kept.
  public let keepLast: Int
  public let keepBest: Int

  public init(folder: String, keepLast: Int = 3, keepBest: Int = 1) {
    self.folder = folder
    self.keepLast = max(keepLast, 1)
    self.keepBest = keepBest
  }

  /// The path of a step's checkpoint.
  public func path(step: Int) -> String { folder + "/" + Self.name(step: step) }

  static func name(step: Int) -> String {
    "step-" + String(repeating: "0", count: max(0, 6 - "\(step)".count)) + "\(step)"
  }

  /// Steps with a checkpoint, good or not, newest first.
  public var steps: [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.compactMap { name in
      // `step-7` and `step-+00007` are other folders than the one that step 7 is looked for in.
      name.hasPrefix("step-") ? Int(name.dropFirst(5)).flatMap { Self.name(step: $0) == name ? $0 : nil } : nil
    }.sorted(by: >)
  }

  /// Writes a checkpoint, makes it the latest, and removes those that need not be kept.
  ///
  /// Checkpoints of later steps are removed too: the run has gone on from an earlier one, and does those steps again.
  /// - Throws: `CheckpointWriteError`; earlier checkpoints are untouched then.
  public func write(_ snapshot: Snapshot) throws {
    var snapshot = snapshot
    let hidden = folder + "/.writing-\(Self.name(step: snapshot.info.step))"
    let files = FileManager.default
    do {
      try? files.removeItem(atPath: hidden)
      try files.createDirectory(atPath: hidden, withIntermediateDirectories: true)
      try snapshot.writeTensors(into: hidden)
      try Self.write(snapshot.info.encoded(), to: hidden + "/state.json")
      try Self.flush(hidden)
      let place = path(step: snapshot.info.step), former = try moveAside(place, as: "replaced")
      guard rename(hidden, place) == 0 else {
        let failure = Self.failure(place, "cannot be put in place")
        if let former { rename(former, place) }
        throw failure
      }
      try Self.flush(folder)
      try pointLatest(to: Self.name(step: snapshot.info.step))
      if let former { try? files.removeItem(atPath: former) }
      prune(newest: snapshot.info.step)
    } catch {
      try? files.removeItem(atPath: hidden)
      throw CheckpointWriteError(step: snapshot.info.step, reason: "\(error)")
    }
  }

  /// Removes what an interrupted write left behind.
  public func clean() {
    putBack()
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where [".writing-", ".replaced-", ".retired-", ".latest-"].contains(where: name.hasPrefix) {
      try? FileManager.default.removeItem(atPath: folder + "/" + name)
    }
  }

  /// Gives a checkpoint its name again where a process was killed after moving it aside and before the new one of the
  /// same step had taken its place.
  func putBack() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where name.hasPrefix(".replaced-") {
      guard let start = name.firstRange(of: "step-")?.lowerBound else { continue }
      let place = folder + "/" + name[start...]
      if access(place, F_OK) != 0 { rename(folder + "/" + name, place) }
    }
  }

  private func pointLatest(to name: String) throws {
    let aside = folder + "/.latest-\(getpid())"
    unlink(aside)
    guard symlink(name, aside) == 0, rename(aside, folder + "/latest") == 0 else {
      throw Self.failure(folder + "/latest", "cannot be swapped")
    }
    try Self.flush(folder)
  }

  private func prune(newest: Int) {
    let steps = steps
    let infos = steps.filter { $0 <= newest }.compactMap { step in
      (try? CheckpointReader.info(path(step: step))).map { (step, $0) }
    }
    var kept = Set(infos.prefix(keepLast).map(\.0))
    let judged = infos.filter { $0.1.metric != nil }.sorted { a, b in
      let (x, y) = (a.1.metric!, b.1.metric!)
      return x == y ? a.0 > b.0 : a.1.isBetterHigher ? x > y : x < y
    }
    kept.formUnion(judged.prefix(keepBest).map(\.0))
    for step in steps where step > newest || (infos.contains { $0.0 == step } && !kept.contains(step)) {
      // Moved before it is removed: a kill in between leaves no half-empty checkpoint under its name.
      if let aside = try? moveAside(path(step: step), as: "retired") {
        try? FileManager.default.removeItem(atPath: aside)
      }
    }
  }

  /// Renames what is at `place` to a hidden name, which is returned; `nil` when there is nothing.
  private func moveAside(_ place: String, as kind: String) throws -> String? {
    let aside = folder + "/.\(kind)-\(getpid())-" + (place as NSString).lastPathComponent
    if rename(place, aside) == 0 { return aside }
    guard errno == ENOENT else { throw Self.failure(place, "cannot be moved aside") }
    return nil
  }

  private static func write(_ data: Data, to path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure(path, "cannot be written") }
    defer { close(descriptor) }
    var done = 0
    try data.withUnsafeBytes { bytes in
      while done < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw failure(path, "cannot be written") }
        done += count
      }
    }
    guard fsync(descriptor) == 0 else { throw failure(path, "cannot be flushed") }
  }

  private static func flush(_ folder: String) throws {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(folder, "cannot be opened") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure(folder, "cannot be flushed") }
  }

  private static func failure(_ path: String, _ what: String) -> CheckpointError {
    CheckpointError(path: path, reason: "\(what): \(String(cString: strerror(errno)))")
  }
}
