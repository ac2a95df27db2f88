import Compute

/// Measures what ranks can send each other: the line of their link, distance by distance, and whole sums against it.
///
/// All ranks take part at once, as they do in a sum, so that what they share (memory, a network adapter, processors)
/// is shared here too. Everything is a median over several turns, and the largest of all ranks: a sum is as fast as its
/// slowest pair. Each turn takes the next piece of a large block, because gradients do not lie in the nearest caches
/// either: through shared memory the same 4 MiB again and again travel two to three times as fast.
public enum LinkMeasurement {
  /// From a message that is all latency to one that is all bytes.
  private static let messageSizes = [8, 16 << 10, 256 << 10, 1 << 20, 4 << 20]
  /// From a figure of the log to the largest bucket.
  private static let sumSizes = [4 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20]
  /// Three at least: shaped links let the first message pass faster than those that follow.
  private static let turns = 3...15

  /// A sum over all ranks, measured and foretold.
  public struct Sum: Hashable, Sendable, Codable {
    public let bytes: Int
    public let measuredSeconds: Double
    public let predictedSeconds: Double
    /// How many times as long as the line says.
    public var ratio: Double { measuredSeconds / predictedSeconds }

    public init(bytes: Int, measuredSeconds: Double, predictedSeconds: Double) {
      self.bytes = bytes
      self.measuredSeconds = measuredSeconds
      self.predictedSeconds = predictedSeconds
    }
  }

  /// The line of the link at each distance 1, 2, 4 … below the number of ranks, within about `seconds`: a slow link is
  /// measured with short messages only. Collective; every rank gets the same model.
  public static func model(over communicator: any Communicator, seconds: Double = 0.12) throws -> LinkModel {
    precondition(communicator.size > 1, "a link needs two ranks")
    let rank = communicator.rank, size = communicator.size, outgoing = Block(), incoming = Block()
    let rounds = LinkModel.rounds(size)
    let lines = try (0..<rounds).map { round in
      let partner = rank ^ (1 << round)
      let samples = try medians(messageSizes, seconds / Double(rounds), over: communicator) { bytes in
        guard partner < size else { return }
        try communicator.exchange(
          "link", with: partner, send: UnsafeRawBufferPointer(outgoing.next(bytes)), receive: incoming.next(bytes))
      }
      return LinkLine(fitting: samples)
    }
    let addition = try communicator.allReduce("link", additionSecondsPerByte(incoming, outgoing), .max)
    return LinkModel(lines: lines, additionSecondsPerByte: addition)
  }

  /// Sums of several sizes over all ranks, within about `seconds`, beside what `model` foretells. Collective.
  public static func sums(
    over communicator: any Communicator, _ kind: ReductionKind, against model: LinkModel, seconds: Double = 1
  ) throws -> [Sum] {
    let values = Block()
    let samples = try medians(sumSizes, seconds, over: communicator) { bytes in
      let piece = values.next(bytes).bindMemory(to: Float.self)
      try communicator.allReduce("sum", piece.baseAddress!, count: piece.count, kind)
    }
    return samples.map {
      Sum(
        bytes: $0.bytes, measuredSeconds: $0.seconds,
        predictedSeconds: model.allReduceSeconds(bytes: $0.bytes, ranks: communicator.size))
    }
  }

  /// Gamma: the time of adding a byte's worth of received values, measured here.
  public static func additionSecondsPerByte() -> Double { additionSecondsPerByte(Block(), Block()) }

  private static func additionSecondsPerByte(_ sums: Block, _ addends: Block) -> Double {
    let bytes = 1 << 20
    let times = (0..<9).map { _ in
      let pieces = [sums, addends].map { $0.next(bytes).bindMemory(to: Float.self).baseAddress! }
      return time { sumTree(pieces, 0..<bytes / MemoryLayout<Float>.stride) }
    }
    return times.sorted()[times.count / 2] / Double(bytes)
  }

  /// The median time of `body` for each of `sizes`, in ascending order: three of them at least, and of the others those
  /// that fit into the time that is left, or into all of it again where a disturbed turn has used it up: without long
  /// messages there is no line. What decides is agreed upon, so that all ranks do the same.
  private static func medians(
    _ sizes: [Int], _ seconds: Double, over communicator: any Communicator, _ body: (Int) throws -> Void
  ) throws -> [(bytes: Int, seconds: Double)] {
    var samples: [(bytes: Int, seconds: Double)] = []
    var left = seconds
    for (index, bytes) in sizes.enumerated() {
      if let last = samples.last, samples.count >= 3 {
        let expected = last.seconds * Double(bytes) / Double(last.bytes)
        if Double(turns.lowerBound) * expected > max(left, seconds) { break }
      }
      // The very first turn opens connections; the first of each size says how many turns there is time for.
      if samples.isEmpty { try body(bytes) }
      let first = try communicator.allReduce("link", try time { try body(bytes) }, .max)
      let share = (left - first) / Double(sizes.count - index)
      let count = min(max(Int(share / max(first, 1e-7)), turns.lowerBound), turns.upperBound)
      var times: [Double] = []
      let whole = try time { for _ in 0..<count { times.append(try time { try body(bytes) }) } }
      times.sort()
      let agreed = try communicator.allReduce("link", [times[count / 2], whole], .max)
      samples.append((bytes, agreed[0]))
      left -= first + agreed[1]
    }
    return samples
  }

  private static func time(_ body: () throws -> Void) rethrows -> Double {
    let start = now()
    try body()
    return Double(now() - start) * 1e-9
  }

  /// Memory that is handed out piece after piece, from the beginning again when it is used up.
  private final class Block {
    private let memory: UnsafeMutableRawBufferPointer
    private var offset = 0

    init() {
      memory = .allocate(byteCount: 16 << 20, alignment: 64)
      // Touched first: a new page costs more than what travels through it.
      memory.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { memory.deallocate() }

    func next(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
      if offset + bytes > memory.count { offset = 0 }
      defer { offset += (bytes + 63) / 64 * 64 }
      return UnsafeMutableRawBufferPointer(rebasing: memory[offset..<offset + bytes])
    }
  }
}
