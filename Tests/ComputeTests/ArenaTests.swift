import Compute
import Testing

/// One block: aligned, zeroed, all of it usable.
@Suite struct ArenaTests {
  @Test func blockIsAlignedZeroedAndWhole() throws {
    let arena = try Arena(byteCount: (5 << 20) + 12)
    #expect(Int(bitPattern: arena.base) % (2 << 20) == 0)
    let view = arena.view(at: 0, [arena.byteCount / 4])
    #expect(view.array.allSatisfy { $0 == 0 })
    view[view.count - 1] = 7
    #expect(arena.view(at: arena.byteCount - 4, [1])[0] == 7)
  }

  @Test func touchedByATeam() throws {
    let arena = try Arena(byteCount: (9 << 20) + 4, firstTouchedBy: WorkerTeam(count: 2))
    let view = arena.view(at: 64, [2, 3])
    view.assign([1, 2, 3, 4, 5, 6])
    #expect(arena.view(at: 64 + 3 * 4, [3]).array == [4, 5, 6])
    #expect(arena.view(at: 9 << 20, [1])[0] == 0)
  }

  @Test func emptyArena() throws {
    #expect(try Arena(byteCount: 0).byteCount == 0)
  }

  @Test func refusalNamesTheSize() {
    let error = #expect(throws: ArenaError.self) { try Arena(byteCount: 1 << 55) }
    #expect(error?.byteCount == 1 << 55)
    #expect(error?.description.hasPrefix("cannot reserve 34359738368 MiB of memory: ") == true)
  }
}
