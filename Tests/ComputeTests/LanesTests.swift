import Compute
import Glibc
import Testing

/// Vectors of fewer than sixteen floats, by halves.
struct LanesTests {
  private let floats = (0..<32).map { Float($0 + 1) }

  @Test("A part of a vector is read up to its count, and filled behind it", arguments: 0...16)
  func partIsRead(count: Int) {
    let lanes = floats.withUnsafeBufferPointer { $0.baseAddress!.lanes(at: 5, count: count, fill: -7) }
    for lane in 0..<16 { #expect(lanes[lane] == (lane < count ? Float(lane + 6) : -7)) }
  }

  @Test("A part of a vector is written up to its count, and nothing behind it", arguments: 0...16)
  func partIsWritten(count: Int) {
    var target = [Float](repeating: -7, count: 32)
    let lanes = floats.withUnsafeBufferPointer { $0.baseAddress!.lanes(at: 0) }
    target.withUnsafeMutableBufferPointer { $0.baseAddress!.store(lanes, at: 5, count: count) }
    for place in 0..<32 { #expect(target[place] == (5..<5 + count ~= place ? Float(place - 4) : -7)) }
  }

  @Test("Nothing is read or written behind the last float", arguments: 0..<16)
  func nothingBehindTheEnd(count: Int) throws {
    // The part ends where its page ends, and nobody may touch the next page.
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let pages = try #require(mmap(nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
    defer { munmap(pages, 2 * page) }
    try #require(mprotect(pages + page, page, PROT_NONE) == 0)
    let part = (pages + page).assumingMemoryBound(to: Float.self) - count
    part.store(Lanes(repeating: 3), at: 0, count: count)
    #expect(part.lanes(at: 0, count: count).total == Float(3 * count))
  }
}
