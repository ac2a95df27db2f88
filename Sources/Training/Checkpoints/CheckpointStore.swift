import Foundation
import Glibc

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
    let step = snapshot.info.step
    do {
      try PendingFolder.fill(path(step: step)) { pending in
        try snapshot.writeTensors(into: pending.path)
        try pending.write(snapshot.info.encoded(), to: "state.json")
      }
      try pointLatest(to: Self.name(step: step))
      prune(newest: step)
    } catch {
      throw CheckpointWriteError(step: step, reason: "\(error)")
    }
  }

  /// Removes what an interrupted write left behind.
  public func clean() {
    PendingFolder.clean(folder)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where name.hasPrefix(".latest-") {
      try? FileManager.default.removeItem(atPath: folder + "/" + name)
    }
  }

  /// See `PendingFolder.putBack`.
  func putBack() { PendingFolder.putBack(folder) }

  private func pointLatest(to name: String) throws {
    let aside = folder + "/.latest-\(getpid())"
    unlink(aside)
    guard symlink(name, aside) == 0, rename(aside, folder + "/latest") == 0 else {
      throw PendingFolder.failure(folder + "/latest", "cannot be swapped")
    }
    try PendingFolder.flush(folder)
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
      PendingFolder.remove(path(step: step))
    }
  }
}
