/// A sample that could not be read or transformed.
public struct BrokenSample: Hashable, Sendable, CustomStringConvertible {
  /// Its index in the data set.
  public let index: Int
  /// Its file, or file and record.
  public let name: String
  /// What is wrong with it.
  public let reason: String

  public init(index: Int, name: String, reason: String) {
    self.index = index
    self.name = name
    self.reason = reason
  }

  public var description: String { "\(name): \(reason)" }
}

/// The ledger of broken samples of one loader: each is noted once, however many epochs meet it, and too many end the
/// run.
///
/// A few broken pictures in a million must not end a week of training; a wrong folder or a lost disk must, at once.
public struct BrokenSamples: Sendable {
  /// The largest number of different broken samples that is put up with; 0 ends the run at the first.
  public let limit: Int
  /// The different broken samples in the order in which they were met.
  public private(set) var samples: [BrokenSample] = []
  private var indices: Set<Int> = []

  public init(limit: Int) {
    precondition(limit >= 0, "a limit of \(limit) broken samples")
    self.limit = limit
  }

  /// Notes those of `met` that were not known.
  /// - Throws: `TooManyBrokenSamples` when there are more than `limit` by now.
  public mutating func note(_ met: [BrokenSample]) throws(TooManyBrokenSamples) {
    for sample in met where indices.insert(sample.index).inserted { samples.append(sample) }
    if samples.count > limit { throw TooManyBrokenSamples(limit: limit, samples: samples) }
  }
}

/// More samples are broken than the run puts up with.
public struct TooManyBrokenSamples: Error, Hashable, Sendable, CustomStringConvertible {
  /// `data.max_broken`.
  public let limit: Int
  /// All broken samples met so far.
  public let samples: [BrokenSample]

  public init(limit: Int, samples: [BrokenSample]) {
    self.limit = limit
    self.samples = samples
  }

  /// The newest twelve with their reasons: enough to see what they have in common.
  public var description: String {
    let shown = samples.suffix(12).map(\.description).joined(separator: "; ")
    let hidden = samples.count > 12 ? " (\(samples.count - 12) more before them)" : ""
    return "\(samples.count) broken samples, \(limit) are allowed (data.max_broken): \(shown)\(hidden)"
  }
}
