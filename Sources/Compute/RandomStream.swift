/// Identifies one stream of random numbers: a chain of integers such as (seed, epoch, sample) mixed into 64 bits.
///
/// Streams are keyed by what is drawn for, never by rank, worker or thread, so that every split of the work draws
/// alike.
public struct RandomKey: Hashable, Sendable {
  public let bits: UInt64

  public init(_ seed: UInt64) { bits = Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15) }
  private init(bits: UInt64) { self.bits = bits }

  /// The key of one branch below this one; different branches give unrelated streams.
  public func appending(_ branch: UInt64) -> RandomKey {
    RandomKey(bits: Self.mix(bits ^ Self.mix(branch &+ 0x9E37_79B9_7F4A_7C15)))
  }
  public func appending(_ branch: Int) -> RandomKey { appending(UInt64(bitPattern: Int64(branch))) }

  /// The key of a named branch, such as a parameter's path (FNV-1a over its UTF-8).
  public func appending(_ name: String) -> RandomKey {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return appending(hash)
  }

  /// The finaliser of SplitMix64 (Steele, Lea, Flood; OOPSLA 2014): every input bit changes half of the output bits.
  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw (SC 2011): a block of four 32-bit words
/// is a pure function of (key, counter), so any element can be drawn by any thread in any order.
public enum Philox {
  /// The block at `counter` of the stream `key`.
  @inlinable
  public static func block(key: UInt64, counter: (UInt32, UInt32, UInt32, UInt32)) -> SIMD4<UInt32> {
    var (c0, c1, c2, c3) = counter
    var k0 = UInt32(truncatingIfNeeded: key), k1 = UInt32(truncatingIfNeeded: key >> 32)
    for _ in 0..<10 {
      let p0 = UInt64(0xD251_1F53) &* UInt64(c0), p1 = UInt64(0xCD9E_8D57) &* UInt64(c2)
      (c0, c1, c2, c3) = (
        UInt32(truncatingIfNeeded: p1 >> 32) ^ c1 ^ k0, UInt32(truncatingIfNeeded: p1),
        UInt32(truncatingIfNeeded: p0 >> 32) ^ c3 ^ k1, UInt32(truncatingIfNeeded: p0)
      )
      k0 = k0 &+ 0x9E37_79B9
      k1 = k1 &+ 0xBB67_AE85
    }
    return SIMD4(c0, c1, c2, c3)
  }

  /// The block with number `index` of the stream `key`.
  @inlinable
  public static func block(_ key: RandomKey, _ index: UInt64) -> SIMD4<UInt32> {
    block(
      key: key.bits,
      counter: (UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32), 0, 0))
  }
}

/// Successive numbers of one keyed stream.
public struct RandomStream: RandomNumberGenerator, Sendable {
  private let key: RandomKey
  private var index: UInt64 = 0
  private var words = SIMD4<UInt32>()
  private var used = 4

  public init(_ key: RandomKey) { self.key = key }

  /// 32 uniform bits.
  public mutating func word() -> UInt32 {
    if used == 4 {
      words = Philox.block(key, index)
      index += 1
      used = 0
    }
    defer { used += 1 }
    return words[used]
  }

  public mutating func next() -> UInt64 { UInt64(word()) << 32 | UInt64(word()) }

  /// Uniform in [0, 1), a multiple of 2^-24.
  public mutating func uniform() -> Float { Float(word() >> 8) * 0x1p-24 }

  /// Uniform in [low, high).
  public mutating func uniform(_ low: Float, _ high: Float) -> Float { low + (high - low) * uniform() }

  /// Uniform in 0..<bound, without bias (Lemire 2019).
  public mutating func integer(below bound: Int) -> Int {
    let bound = UInt32(bound)
    var product = UInt64(word()) &* UInt64(bound)
    if UInt32(truncatingIfNeeded: product) < bound {
      let threshold = (0 &- bound) % bound
      while UInt32(truncatingIfNeeded: product) < threshold { product = UInt64(word()) &* UInt64(bound) }
    }
    return Int(product >> 32)
  }
}
