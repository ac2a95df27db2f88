/// How fast this machine multiplies matrices while all workers of a team do so at once: what a share of peak refers to.
///
/// Processors lower their clock under wide vectors and share it with neighbours, so no program reaches the figure of a
/// data sheet.
public enum PeakRate {
  /// Floating-point operations a second (two per multiply-add) of single-precision products of `side` x `side`
  /// matrices, a product of its own for each worker; the best of several rounds within about `seconds`.
  ///
  /// Takes three matrices a worker: 12 MiB for each at the default side.
  /// - Throws: `ArenaError` when the memory is not to be had.
  public static func measure(_ team: WorkerTeam, side: Int = 1024, seconds: Double = 0.6) throws -> Double {
    let matrix = Shape([side, side]), bytes = matrix.byteCount
    let memory = try Arena(byteCount: 3 * bytes * team.count, firstTouchedBy: team)
    // Not zeros: a processor draws less power on them and clocks higher.
    let all = memory.view(at: 0, [3 * matrix.count * team.count])
    all.pointer.update(repeating: 0.7, count: all.count)
    let products = 2, operations = Double(2 * side * side * side * products * team.count)
    var best = 0.0
    let deadline = now() + UInt64(seconds * 1e9)
    repeat {
      let start = now()
      team.run { worker in
        let base = worker.index * 3 * bytes
        let a = memory.view(at: base, matrix), b = memory.view(at: base + bytes, matrix)
        let c = memory.view(at: base + 2 * bytes, matrix)
        for _ in 0..<products {
          matrixProduct(
            m: side, n: side, k: side, MatrixOperand(a.pointer, leading: side), MatrixOperand(b.pointer, leading: side),
            into: c.pointer, leading: side)
        }
      }
      best = max(best, operations / Double(now() - start) * 1e9)
    } while now() < deadline
    return best
  }
}
