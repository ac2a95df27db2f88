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
    for index in 0..<values.count { value[index] += error[index] }

    let words = values.count + 1
    let wire = communicator.scratch.values(UInt16.self, 2 * words)
    let (outgoing, incoming) = (wire.baseAddress!, wire.baseAddress! + words)
    func swap(_ sent: Range<Int>, _ received: Range<Int>, with partner: Int) throws {
      try communicator.exchange(
        name, with: partner, send: UnsafeRawBufferPointer(start: outgoing, count: 2 * sent.count),
        receive: UnsafeMutableRawBufferPointer(start: incoming, count: 2 * received.count))
    }

    for distance in parts.distances {
      let (kept, given) = parts.halves(at: distance)
      BFloat16.split(value + given.lowerBound, into: outgoing, count: given.count)
      (error + given.lowerBound).update(from: value + given.lowerBound, count: given.count)
      try swap(given, kept, with: parts.rank ^ distance)
      BFloat16.add(incoming, to: value + kept.lowerBound, count: kept.count)
    }

    // The sums are rounded once, where they are complete; from here on they travel as they are.
    let own = parts.own
    BFloat16.split(value + own.lowerBound, into: outgoing, count: own.count)
    (error + own.lowerBound).update(from: value + own.lowerBound, count: own.count)
    BFloat16.widen(outgoing, into: value + own.lowerBound, count: own.count)
    for distance in parts.distances.reversed() {
      let (kept, missing) = parts.halves(at: distance)
      BFloat16.round(value + kept.lowerBound, into: outgoing, count: kept.count)
      try swap(kept, missing, with: parts.rank ^ distance)
      BFloat16.widen(incoming, into: value + missing.lowerBound, count: missing.count)
    }
  }
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
