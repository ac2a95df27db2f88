import Glibc

/// One block of memory, taken once and reused by every step.
///
/// Measured reason: writing 1 GiB of freshly mapped pages costs 0.42 s, of kept pages 0.03 s. Huge pages are asked for
/// (2 MiB, fewer TLB misses), and the workers touch the pages first so that each lies near the core that uses it.
public final class Arena: @unchecked Sendable {
  /// The first byte, aligned to 2 MiB.
  public let base: UnsafeMutableRawPointer
  public let byteCount: Int
  private let mapping: UnsafeMutableRawPointer
  private let mappedBytes: Int

  /// Alignment of everything placed in an arena: one cache line, one AVX-512 register.
  public static let alignment = 64
  private static let hugePage = 2 << 20

  /// Reserves `byteCount` bytes, zeroed.
  /// - Throws: `ArenaError` with the size asked for and the system's reason when the memory is not to be had.
  public init(byteCount: Int, firstTouchedBy team: WorkerTeam? = nil) throws {
    self.byteCount = byteCount
    mappedBytes = Swift.max(byteCount, 1) + Self.hugePage
    guard
      let mapping = mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
      mapping != MAP_FAILED
    else { throw ArenaError(byteCount: byteCount, reason: String(cString: strerror(errno))) }
    self.mapping = mapping
    let misalignment = Int(bitPattern: mapping) % Self.hugePage
    base = mapping + (misalignment == 0 ? 0 : Self.hugePage - misalignment)
    madvise(base, byteCount, MADV_HUGEPAGE)
    if let team { touch(with: team) }
  }

  deinit { munmap(mapping, mappedBytes) }

  /// A view of `shape` at `byteOffset`.
  public func view(at byteOffset: Int, _ shape: Shape) -> TensorView {
    precondition(
      byteOffset >= 0 && byteOffset + shape.byteCount <= byteCount,
      "view \(shape) at byte \(byteOffset) of an arena of \(byteCount)")
    return TensorView((base + byteOffset).assumingMemoryBound(to: Float.self), shape)
  }

  private func touch(with team: WorkerTeam) {
    let pages = (byteCount + Self.hugePage - 1) / Self.hugePage
    let base = UInt(bitPattern: self.base), end = base + UInt(byteCount)
    team.run { worker in
      for page in worker.tiles(pages) {
        var address = base + UInt(page * Self.hugePage)
        let last = Swift.min(address + UInt(Self.hugePage), end)
        while address < last {
          UnsafeMutablePointer<UInt8>(bitPattern: address)!.pointee = 0
          address += 4096
        }
      }
    }
  }
}

/// The system refused the memory that a plan needs.
public struct ArenaError: Error, CustomStringConvertible {
  public let byteCount: Int
  public let reason: String
  public var description: String { "cannot reserve \(byteCount >> 20) MiB of memory: \(reason)" }
}
