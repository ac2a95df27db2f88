import Foundation
import Glibc
import Graphs
import Optimizers

/// How fast a folder takes a checkpoint: write, flush to the disk, rename, as `CheckpointWriter` does.
public struct DiskRate: Hashable, Sendable, Codable {
  /// The folder that was measured: the one asked for, or the nearest above it that exists.
  public let folder: String
  public let bytesPerSecond: Double
  public let writtenBytes: Int
  /// What this user may still write there.
  public let freeBytes: Int
  /// Why nothing could be written; `nil` where it could.
  public let failure: String?

  /// A checkpoint of ResNet-50 with its momenta, where no run file says what is to be stored.
  public static let usualCheckpointBytes = 2 * 4 * 25_557_032

  private static let fileBytes = 64 << 20
  private static let pieceBytes = 8 << 20

  /// Writes up to 64 MiB, flushed piece by piece so that a slow disk ends it after about `seconds`, and removes them.
  public init(folder: String, seconds: Double = 2) {
    self.folder = Self.nearestFolder(folder)
    var system = statvfs()
    freeBytes = statvfs(self.folder, &system) == 0 ? Int(system.f_bavail) * Int(system.f_frsize) : 0
    let path = "\(self.folder)/.doctor-\(getpid())"
    defer {
      unlink(path)
      unlink(path + ".new")
    }
    let start = DispatchTime.now().uptimeNanoseconds
    func passed() -> Double { Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9 }
    let file = open(path + ".new", O_CREAT | O_WRONLY | O_TRUNC, 0o600)
    guard file >= 0 else {
      (bytesPerSecond, writtenBytes, failure) = (0, 0, String(cString: strerror(errno)))
      return
    }
    // Not zeros: file systems that compress would be done at once.
    var state: UInt64 = 1
    let piece = (0..<Self.pieceBytes / 8).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
    var written = 0, reason: String?
    let begin = passed()
    while written < Self.fileBytes && reason == nil && (written == 0 || passed() - begin < seconds) {
      let count = piece.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      if count <= 0 || fdatasync(file) != 0 { reason = String(cString: strerror(errno)) }
      written += max(count, 0)
    }
    if reason == nil && (fsync(file) != 0 || rename(path + ".new", path) != 0) {
      reason = String(cString: strerror(errno))
    }
    close(file)
    bytesPerSecond = Double(written) / (passed() - begin)
    writtenBytes = written
    failure = reason
  }

  /// - Parameters:
  ///   - checkpointBytes: of one checkpoint.
  ///   - kept: checkpoints that a run keeps.
  public func findings(checkpointBytes: Int, kept: Int = 4) -> [Finding] {
    if let failure {
      return [
        Finding(
          .disk, "nothing can be written in \(folder) (\(failure))", remedy: "choose another folder with `--output`")
      ]
    }
    var findings: [Finding] = []
    // One more than are kept: the new one is complete before an old one goes.
    if freeBytes < (kept + 1) * checkpointBytes {
      findings.append(
        Finding(
          .disk, "\(NumberText.bytes(Double(freeBytes))) are free in \(folder), \(kept) checkpoints of "
            + "\(NumberText.bytes(Double(checkpointBytes))) and a new one need more",
          remedy: "make room, lower `run.keep_last`, or choose another folder with `--output`"))
    }
    let seconds = Double(checkpointBytes) / bytesPerSecond
    if seconds > 60 {
      findings.append(
        Finding(
          .disk, "a checkpoint of \(NumberText.bytes(Double(checkpointBytes))) takes "
            + "\(NumberText.duration(seconds)) in \(folder)",
          remedy: "raise `run.checkpoint_every` well above that, or choose a local disk with `--output`"))
    }
    return findings
  }

  private static func nearestFolder(_ path: String) -> String {
    var folder = URL(fileURLWithPath: path).standardizedFileURL
    var isFolder: ObjCBool = false
    while !(FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder) && isFolder.boolValue) {
      let above = folder.deletingLastPathComponent()
      if above.path == folder.path { break }
      folder = above
    }
    return folder.path
  }
}

extension Experiment {
  /// The tensors of a checkpoint: parameters, the optimizer's moments, the moving average.
  public var checkpointBytes: Int {
    get throws {
      let graph = try NetworkRunners.graph(
        network, task, batch: 1, image: trainingPipeline.outputShape, mode: .inference)
      let blocks = 1 + optimizer.stateBlocks.count + (average == nil ? 0 : 1)
      return graph.parameterCount * blocks * MemoryLayout<Float>.stride
    }
  }
}
