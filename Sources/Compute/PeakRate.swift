/// How fast this machine multiplies matrices and copies memory while all workers of a team do so at once: what a share
/// of the machine's limit refers to.
///
/// Processors lower their clock under wide vectors and share it, and the memory, with neighbours, so no program reaches
/// the figures of a data sheet.
public enum PeakRate {
  /// Floating-point operations a second (two per multiply-add) of single-precision products of `side` x `side`
  /// matrices, a product of its own for each worker; the best of several rounds within about `seconds`, or with
  /// `isTypical` their median, where others are measured at the same time and a round may have had the machine alone.
  /// - Throws: `ArenaError` when the memory is not to be had.
  public static func measure(
    _ team: WorkerTeam, side: Int = 1024, seconds: Double = 0.6, isTypical: Bool = false
  ) throws -> Double {
    try products(team, side: side).measure(seconds: seconds, isTypical: isTypical)
  }

  /// Bytes a second, those read and those written, of copies within memory that was touched before, a copy of its own
  /// for each worker; the best of several rounds within about `seconds`, or their median.
  /// - Throws: `ArenaError` when the memory is not to be had.
  public static func measureCopy(
    _ team: WorkerTeam, bytesPerWorker: Int? = nil, seconds: Double = 0.4, isTypical: Bool = false
  ) throws -> Double {
    try copies(team, bytesPerWorker: bytesPerWorker).measure(seconds: seconds, isTypical: isTypical)
  }

  /// Products, a round at a time. Takes three matrices a worker: 12 MiB for each at the default side.
  /// - Throws: `ArenaError` when the memory is not to be had.
  public static func products(_ team: WorkerTeam, side: Int = 1024) throws -> RateProbe {
    let matrix = Shape([side, side]), products = 2
    let operations = Double(2 * side * side * side * products)
    return try RateProbe(team, bytesPerWorker: 3 * matrix.byteCount, units: operations) { base in
      let a = base, b = base + matrix.count, c = b + matrix.count
      for _ in 0..<products {
        matrixProduct(
          m: side, n: side, k: side, MatrixOperand(a, leading: side), MatrixOperand(b, leading: side), into: c,
          leading: side)
      }
    }
  }

  /// Copies, a round at a time, as the C library makes them. Takes twice `bytesPerWorker`; the default is the size of a
  /// large activation, 64 MiB, but half a GiB at most for all workers: both lie beyond the caches, as what operators
  /// hand to each other does.
  /// - Throws: `ArenaError` when the memory is not to be had.
  public static func copies(_ team: WorkerTeam, bytesPerWorker: Int? = nil) throws -> RateProbe {
    let count = (bytesPerWorker ?? min(64 << 20, (1 << 29) / team.count)) / MemoryLayout<Float>.stride
    let bytes = 2 * count * MemoryLayout<Float>.stride
    return try RateProbe(team, bytesPerWorker: bytes, units: Double(bytes)) { base in
      (base + count).update(from: base, count: count)
    }
  }
}

/// Work that all workers do at once, each on memory of its own, to see how fast the machine is at the moment: a clock
/// that neighbours share moves by half within seconds.
public struct RateProbe {
  private let team: WorkerTeam
  private let memory: Arena
  private let bytes: Int
  private let units: Double
  private let body: (UnsafeMutablePointer<Float>) -> Void

  /// - Parameter units: what a worker does in one round: operations, bytes.
  fileprivate init(
    _ team: WorkerTeam, bytesPerWorker bytes: Int, units: Double, _ body: @escaping (UnsafeMutablePointer<Float>) -> Void
  ) throws {
    (self.team, self.bytes, self.units, self.body) = (team, bytes, units, body)
    memory = try Arena(byteCount: bytes * team.count)
    let memory = memory
    // Touched first by whoever uses it. Not zeros: a processor draws less power on them and clocks higher.
    team.run { worker in
      Self.block(of: worker, in: memory, bytes).update(repeating: 0.7, count: bytes / MemoryLayout<Float>.stride)
    }
  }

  private static func block(of worker: Worker, in memory: Arena, _ bytes: Int) -> UnsafeMutablePointer<Float> {
    (memory.base + worker.index * bytes).assumingMemoryBound(to: Float.self)
  }

  /// Units a second of all workers together, over one round.
  public func round() -> Double {
    let memory = memory, bytes = bytes, body = body, start = now()
    team.run { worker in body(Self.block(of: worker, in: memory, bytes)) }
    return units * Double(team.count) / Double(now() - start) * 1e9
  }

  /// The best round within about `seconds`, or their median.
  public func measure(seconds: Double, isTypical: Bool) -> Double {
    var rounds: [Double] = []
    let deadline = now() + UInt64(seconds * 1e9)
    repeat { rounds.append(round()) } while now() < deadline
    rounds.sort()
    return rounds[isTypical ? rounds.count / 2 : rounds.count - 1]
  }
}
