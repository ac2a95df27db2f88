/// The time of a message between two ranks as a line: `alpha + bytes * beta`.
///
/// Alpha is what every message costs, however short; beta what each of its bytes adds (Hockney 1994).
public struct LinkLine: Hashable, Sendable, Codable {
  /// Alpha.
  public var latencySeconds: Double
  /// One byte's part of a long message: 1 / beta.
  public var bytesPerSecond: Double

  public init(latencySeconds: Double, bytesPerSecond: Double) {
    self.latencySeconds = latencySeconds
    self.bytesPerSecond = bytesPerSecond
  }

  /// The line through measured times that has the least sum of `(alpha + bytes * beta - t)^2 / t`: so the short
  /// messages fix alpha and the long ones beta, although their times differ by a factor of 1000.
  ///
  /// Relative errors, `/ t^2`, would follow the short messages where times lie on no line, as on links that let the
  /// first bytes pass faster. Neither part is negative; two different sizes are needed at least.
  public init(fitting samples: [(bytes: Int, seconds: Double)]) {
    var (weights, weightedBytes, squares, seconds, products) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for sample in samples {
      let time = max(sample.seconds, 1e-9), weight = 1 / time, bytes = Double(sample.bytes)
      weights += weight
      weightedBytes += weight * bytes
      squares += weight * bytes * bytes
      seconds += weight * time
      products += weight * time * bytes
    }
    let determinant = weights * squares - weightedBytes * weightedBytes
    precondition(determinant > 0, "a line through \(samples.count) messages of one size")
    var alpha = (seconds * squares - products * weightedBytes) / determinant
    var beta = (products * weights - seconds * weightedBytes) / determinant
    if alpha < 0 {
      // Times that bend upwards: a message that is nearly all latency tells it better.
      alpha = samples.min { $0.bytes < $1.bytes }!.seconds
      beta = (products - alpha * weightedBytes) / squares
    }
    if beta <= 0 {
      // Disturbed short messages: the longest cannot be slower than as if it had no latency at all.
      let longest = samples.max { $0.bytes < $1.bytes }!
      alpha = samples.map(\.seconds).min()!
      beta = max(longest.seconds, 1e-9) / Double(longest.bytes)
    }
    self.init(latencySeconds: alpha, bytesPerSecond: 1 / beta)
  }

  /// The time of a message.
  public func seconds(bytes: Double) -> Double { latencySeconds + bytes / bytesPerSecond }
}

/// What sums over ranks cost, foretold from the line of their link.
///
/// `TreeReduction` halves and doubles: in round k, at distance 2^k, a rank swaps `n / 2^(k+1)` bytes with its partner,
/// once on the way in and once on the way back. So a sum of n bytes over p ranks takes
///
///     sum over k of 2 (alpha_k + n / 2^(k+1) beta_k)  +  (p - 1) / p n gamma
///
/// which for one line is `2 log2(p) alpha + 2 (p - 1) / p n beta + (p - 1) / p n gamma` (Thakur, Rabenseifner, Gropp
/// 2005, section 4.4). Gamma is the time of adding one byte's worth of received values. The rounds have a line each,
/// because near ranks share a host and far ones a network.
public struct LinkModel: Hashable, Sendable, Codable {
  /// By distance: `lines[k]` is the exchange of ranks 2^k apart while all ranks do the same.
  public var lines: [LinkLine]
  /// Gamma.
  public var additionSecondsPerByte: Double

  public init(lines: [LinkLine], additionSecondsPerByte: Double = 0) {
    precondition(!lines.isEmpty, "a link without a line")
    self.lines = lines
    self.additionSecondsPerByte = additionSecondsPerByte
  }

  /// Hosts of `ranksPerHost` ranks each, numbered host by host, joined by one network adapter a host.
  ///
  /// Between hosts all ranks of a host send at once, so each has its part of the adapter.
  public init(
    insideHost: LinkLine, betweenHosts: LinkLine, ranksPerHost: Int, ranks: Int, additionSecondsPerByte: Double = 0
  ) {
    var shared = betweenHosts
    shared.bytesPerSecond /= Double(max(ranksPerHost, 1))
    let rounds = max(Self.rounds(ranks), 1)
    self.init(
      lines: (0..<rounds).map { 1 << $0 < ranksPerHost ? insideHost : shared },
      additionSecondsPerByte: additionSecondsPerByte)
  }

  /// log2 of the ranks, rounded up.
  static func rounds(_ ranks: Int) -> Int {
    var rounds = 0
    while 1 << rounds < ranks { rounds += 1 }
    return rounds
  }

  /// The line at distance 2^`round`; farther than was measured, the farthest that was.
  public func line(_ round: Int) -> LinkLine { lines[min(round, lines.count - 1)] }

  /// The time of a sum of so many bytes over `ranks`.
  ///
  /// For a number that is no power of two, as the MPI library adds them up: the last round moves what is left of
  /// (p - 1) / p.
  public func allReduceSeconds(bytes: Int, ranks: Int) -> Double {
    let (fixed, perByte) = cost(ranks)
    return fixed + perByte * Double(bytes)
  }

  /// The time of a reduction of a few numbers, which every rank collects: `log2(p) alpha`.
  public func smallReductionSeconds(ranks: Int) -> Double {
    (0..<Self.rounds(ranks)).reduce(0) { $0 + line($1).latencySeconds }
  }

  /// The bytes that a rank sends for a sum of `bytes`: `2 (p - 1) / p` times as many.
  public static func bytesSent(bytes: Int, ranks: Int) -> Double {
    2 * Double(ranks - 1) / Double(ranks) * Double(bytes)
  }

  /// The parts of the sum's time: what it costs however few bytes it has, and what each byte adds.
  private func cost(_ ranks: Int, latencyAtLeast floor: Double = 0) -> (fixed: Double, perByte: Double) {
    let rounds = Self.rounds(ranks), moved = Double(ranks - 1) / Double(ranks)
    var (fixed, perByte, left) = (0.0, additionSecondsPerByte * moved, moved)
    for round in 0..<rounds {
      let part = round == rounds - 1 ? left : 0.5 / Double(1 << round)
      left -= part
      fixed += 2 * max(line(round).latencySeconds, floor)
      perByte += 2 * part / line(round).bytesPerSecond
    }
    return (fixed, perByte)
  }
}

extension LinkModel {
  /// The share of a bucket's time that latency may take.
  static let latencyShare = 0.1
  /// Within these, whatever the link.
  public static let bucketByteRange = 256 << 10...16 << 20

  /// The size of gradient buckets that fits this link.
  ///
  /// Every bucket pays the latency of its messages, so it should be large; nothing hides the last one, so it should be
  /// small. With `A + B n` the time of a sum of n bytes, latency takes a tenth of it at `n = 9 A / B`: the smallest
  /// size at which more or fewer buckets hardly matter. In A a message costs no less than one nap of `PolledWait`:
  /// while the workers keep the processors busy, a wait ends with one, even where an idle machine would answer sooner.
  /// Clamped to `bucketByteRange`, in whole 64 KiB.
  public func bucketBytes(ranks: Int) -> Int {
    let (fixed, perByte) = cost(ranks, latencyAtLeast: PolledWait.shortestNapSeconds)
    let wanted = (1 / Self.latencyShare - 1) * fixed / perByte, grain = 64 << 10
    let range = Self.bucketByteRange
    guard wanted < Double(range.upperBound) else { return range.upperBound }
    return max((Int(wanted) + grain / 2) / grain * grain, range.lowerBound)
  }
}
