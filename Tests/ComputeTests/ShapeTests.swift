import Compute
import Testing

/// Extents, counts and broadcasting.
@Suite struct ShapeTests {
  @Test func extentsFromBothEnds() {
    var shape: Shape = [2, 56, 57, 3]
    #expect(shape.rank == 4)
    #expect(shape[0] == 2 && shape[-1] == 3 && shape[-3] == 56 && shape.channels == 3)
    #expect(shape.count == 2 * 56 * 57 * 3)
    #expect(shape.byteCount == 4 * shape.count)
    #expect(shape.count(over: 1..<3) == 56 * 57)
    #expect(shape.count(over: 2..<2) == 1)
    shape[-2] = 5
    #expect(shape == [2, 56, 5, 3])
    #expect(shape.description == "[2, 56, 5, 3]")
    #expect(shape.array == [2, 56, 5, 3])
  }

  @Test func scalarHasOneElement() {
    let scalar = Shape([])
    #expect(scalar.rank == 0 && scalar.count == 1 && scalar.description == "[]")
  }

  @Test func countPassesThirtyTwoBits() {
    #expect(Shape([65_536, 65_536]).count == 1 << 32)
  }

  @Test func trailingOnesCountForEquality() {
    #expect(Shape([4]) != Shape([4, 1]))
    #expect(Shape([4, 1]).hashValue != Shape([4]).hashValue)
  }

  @Test func broadcasting() {
    #expect(Shape.broadcast([8, 7, 7, 64], [8, 1, 1, 64]) == [8, 7, 7, 64])
    #expect(Shape.broadcast([64], [8, 7, 7, 64]) == [8, 7, 7, 64])
    #expect(Shape.broadcast([8, 1, 5], [1, 6, 1]) == [8, 6, 5])
    #expect(Shape.broadcast([], [3]) == [3])
    #expect(Shape.broadcast([8, 56], [8, 3]) == nil)
    #expect(Shape.broadcast([0, 3], [1, 3]) == [0, 3])
  }
}
