import Compute

/// A sum over ranks that travels as bfloat16, half the bytes, with error feedback: what rounding loses on this rank is
/// kept and added to the next sum of the same values, so that over the steps nothing is lost (Karimireddy, Rebjock,
/// Stich, Jaggi; ICML 2019, algorithm 1).
///
/// The way is that of `TreeReduction`. Each message is rounded by its sender, who keeps the difference; the sums
/// themselves are float32. All ranks end with the same bits, but how often a value is rounded depends on the number of
/// ranks, so the result does too.
public enum CompressedReduction {
  /// Adds up `values` over all ranks in place. Throws unless the number of ranks is a power of two.
  /// - Parameter errors: what this rank owes from earlier sums of these values, taken in and left anew; as many as there
  ///   are values.
  public static func sum(
    _ name: String, _ values: UnsafeMutableBufferPointer<Float>, errors: UnsafeMutableBufferPointer<Float>,
    over communicator: some Communicator
  ) throws {
    let parts = try TreeParts(name, count: values.count, communicator)
    guard communicator.size > 1, let value = values.baseAddress, let error = errors.baseAddress else { return }
    precondition(errors.count == values.count, "\(errors.count) errors of \(values.count) values")
    // In each round one range of it is sent and another received.
    let wire = communicator.scratch.values(UInt16.self, values.count).baseAddress!
    func swap(
      _ sent: Range<Int>, _ received: Range<Int>, with partner: Int, prepare: (Range<Int>) -> Void,
      use: (Range<Int>) -> Void
    ) throws {
      try communicator.exchange(
        name, with: partner, send: UnsafeRawBufferPointer(start: wire + sent.lowerBound, count: 2 * sent.count),
        receive: UnsafeMutableRawBufferPointer(start: wire + received.lowerBound, count: 2 * received.count),
        prepare: { prepare($0.elements(of: UInt16.self).shifted(by: sent.lowerBound)) },
        use: { use($0.elements(of: UInt16.self).shifted(by: received.lowerBound)) })
    }
    /// Rounds values onto the wire, what they owe taken in where that is asked for, and keeps what it loses.
    func round(_ range: Range<Int>, owing: Bool) {
      let (value, wire, error) = (value + range.lowerBound, wire + range.lowerBound, error + range.lowerBound)
      if owing {
        BFloat16.split(value, and: error, into: wire, count: range.count)
      } else {
        BFloat16.split(value, into: wire, lost: error, count: range.count)
      }
    }
    /// Adds what has come to values, and what they owe where that is asked for.
    func add(_ range: Range<Int>, owing: Bool) {
      let (value, wire, error) = (value + range.lowerBound, wire + range.lowerBound, error + range.lowerBound)
      if owing {
        BFloat16.add(wire, and: error, to: value, count: range.count)
      } else {
        BFloat16.add(wire, to: value, count: range.count)
      }
    }

    for distance in parts.distances {
      let (kept, given) = parts.halves(at: distance)
      // Every value is in one of the first round's halves, and what it owes is taken in there.
      let isFirst = distance == 1
      try swap(given, kept, with: parts.rank ^ distance) {
        round($0, owing: isFirst)
      } use: {
        add($0, owing: isFirst)
      }
    }

    // The sums are rounded once, where they are complete; from here on they travel as they are.
    func widen(_ range: Range<Int>) {
      BFloat16.widen(wire + range.lowerBound, into: value + range.lowerBound, count: range.count)
    }
    round(parts.own, owing: false)
    widen(parts.own)
    for distance in parts.distances.reversed() {
      let (kept, missing) = parts.halves(at: distance)
      try swap(kept, missing, with: parts.rank ^ distance, prepare: { _ in }, use: widen)
    }
  }
}

extension Range<Int> {
  fileprivate func shifted(by offset: Int) -> Range<Int> { lowerBound + offset..<upperBound + offset }
}

/// What each bucket's compressed sums still owe, by the place of its values.
final class CompressionErrors {
  private var blocks: [UnsafeMutablePointer<Float>: UnsafeMutableBufferPointer<Float>] = [:]

  deinit { for block in blocks.values { block.deallocate() } }

  /// As many errors as there are values; zero the first time.
  func errors(of values: UnsafeMutableBufferPointer<Float>) -> UnsafeMutableBufferPointer<Float> {
    guard let place = values.baseAddress else { return values }
    if let known = blocks[place] { return known }
    let block = UnsafeMutableBufferPointer<Float>.allocate(capacity: values.count)
    block.initialize(repeating: 0)
    blocks[place] = block
    return block
  }
}
