/// How fast this machine multiplies matrices and copies memory while all workers of a team do so at once: what a share
/// of the machine's limit refers to.
///
/// Processors lower their clock under wide vectors and share it, and the memory, with neighbours, so no program reaches
/// the figures of a data sheet.
public enum PeakRate {
  /// Floating-point operations a second (two per multiply-add) of single-precision products of `side` x `side`
  /// matrices, a product of its own for each worker; the best of several rounds within about `seconds`, or with
  /// `isTypical` their median, where others are measured at the same time and a round may have had the machine alone.
  ///
  /// Takes three matrices a worker: 12 MiB for each at the default side.
  /// - Throws: `ArenaError` when the memory is not to be had.
  public static func measure(
    _ team: WorkerTeam, side: Int = 1024, seconds: Double = 0.6, isTypical: Bool = false
  ) throws -> Double {
    let matrix = Shape([side, side]), bytes = matrix.byteCount, products = 2
    let operations = Double(2 * side * side * side * products)
    return try rate(team, bytesPerWorker: 3 * bytes, seconds, isTypical) { base in
      let a = base, b = base + matrix.count, c = b + matrix.count
      for _ in 0..<products {
        matrixProduct(
          m: side, n: side, k: side, MatrixOperand(a, leading: side), MatrixOperand(b, leading: side), into: c,
          leading: side)
      }
    } * operations
  }

  /// Bytes a second, those read and those written, of copies within memory that was touched before, a copy of its own
  /// for each worker; the best of several rounds within about `seconds`, or their median.
  ///
  /// Takes twice `bytesPerWorker`. The default is the size of a large activation, 64 MiB, but half a GiB at most for
  /// all workers: both lie beyond the caches, as what operators hand to each other does.
  /// - Throws: `ArenaError` when the memory is not to be had.
  public static func measureCopy(
    _ team: WorkerTeam, bytesPerWorker: Int? = nil, seconds: Double = 0.4, isTypical: Bool = false
  ) throws -> Double {
    let count = (bytesPerWorker ?? min(64 << 20, (1 << 29) / team.count)) / MemoryLayout<Float>.stride
    let bytes = 2 * count * MemoryLayout<Float>.stride
    return try rate(team, bytesPerWorker: bytes, seconds, isTypical) { base in
      (base + count).update(from: base, count: count)
    } * Double(bytes)
  }

  /// How often a second all workers together go through `body`, each on memory of its own.
  private static func rate(
    _ team: WorkerTeam, bytesPerWorker bytes: Int, _ seconds: Double, _ isTypical: Bool,
    _ body: @escaping (UnsafeMutablePointer<Float>) -> Void
  ) throws -> Double {
    let memory = try Arena(byteCount: bytes * team.count)
    func block(_ worker: Worker) -> UnsafeMutablePointer<Float> {
      (memory.base + worker.index * bytes).assumingMemoryBound(to: Float.self)
    }
    // Touched first by whoever uses it. Not zeros: a processor draws less power on them and clocks higher.
    team.run { worker in block(worker).update(repeating: 0.7, count: bytes / MemoryLayout<Float>.stride) }
    var rounds: [UInt64] = []
    let deadline = now() + UInt64(seconds * 1e9)
    repeat {
      let start = now()
      team.run { worker in body(block(worker)) }
      rounds.append(now() - start)
    } while now() < deadline
    rounds.sort()
    return Double(team.count) / Double(rounds[isTypical ? rounds.count / 2 : 0]) * 1e9
  }
}
