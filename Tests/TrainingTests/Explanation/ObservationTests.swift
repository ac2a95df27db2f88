import Compute
import Graphs
import Pictures
import Testing
import Training

/// What a mark holds becomes channels, places or parts by its extents.
@Suite struct ObservationTests {
  private func all(
    _ sight: Sight, _ shape: Shape, _ values: [Float], aspect: Double = 1, frames: Int = 1
  ) -> [Observation.Content] {
    observe([("layer1.0.gate", sight, shape, values)], aspect: aspect, frames: frames).map(\.content)
  }

  private func observe(
    _ marks: [(path: String, sight: Sight, shape: Shape, values: [Float])], aspect: Double = 1, frames: Int = 1
  ) -> [Observation] {
    let trace = Trace(mode: .inference, isWatched: true)
    for mark in marks { _ = trace.scope(mark.path) { trace.input("seen", mark.shape).seen(as: mark.sight) } }
    let count = marks.reduce(0) { $0 + $1.values.count }
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { memory in
      var offset = 0
      let seen = zip(marks, trace.sightings).map { mark, sighting in
        let view = TensorView(memory.baseAddress! + offset, mark.shape)
        view.assign(mark.values)
        offset += mark.values.count
        return (sighting, view)
      }
      return Observation.all(seen, aspect: aspect, frames: frames)
    }
  }

  @Test func `A gate of channels, of places, and of both`() {
    #expect(all(.gate, [1, 1, 1, 3], [1, 2, 3]) == [.channels([1, 2, 3])])
    let map = HeatMap(rows: 2, columns: 1, values: [0.25, 0.75])
    #expect(all(.gate, [1, 2, 1, 1], [0.25, 0.75]) == [.places(map)])
    let means = HeatMap(rows: 2, columns: 2, values: [2, 3, 4, 5])
    #expect(all(.gate, [1, 2, 2, 2], [1, 3, 2, 4, 3, 5, 4, 6]) == [.channels([2.5, 4.5]), .places(means)])
    #expect(all(.gate, [2, 2, 2, 1], [1, 1, 1, 1, 1, 1, 1, 1]).isEmpty, "one picture at a time")
  }

  @Test func `Attention is the mean of its maps`() {
    let map = HeatMap(rows: 1, columns: 2, values: [0.25, 0.75])
    #expect(all(.attention, [1, 1, 2, 2], [0.5, 0, 0.5, 1]) == [.attention(map, isOfCentre: false)])
  }

  /// Four positions of 2x2: the middle one is row 1, column 1, the fourth; two heads.
  @Test func `A relation is the centre's row, the mean over its heads`() {
    var values = [Float](repeating: 0, count: 32)
    values.replaceSubrange(12..<16, with: [1, 0, 0, 0])
    values.replaceSubrange(28..<32, with: [0, 0, 0.5, 0.5])
    let map = HeatMap(rows: 2, columns: 2, values: [0.5, 0, 0.25, 0.25])
    #expect(all(.relation, [1, 2, 4, 4], values) == [.attention(map, isOfCentre: true)])
    #expect(all(.relation, [1, 3, 3], [Float](repeating: 0, count: 9)).isEmpty, "three positions are no square")
  }

  @Test func `A clip's gates are means over its frames, and for each frame`() {
    let gates: [Float] = [1, 3, 2, 8]
    #expect(all(.gate, [2, 1, 1, 2], gates, frames: 2) == [.channels([1.5, 5.5]), .frames([2, 5])])
    #expect(all(.gate, [2, 1, 2, 1], gates, frames: 2) == [.frames([2, 5])])
    #expect(all(.gate, [1, 1, 2, 2], gates, frames: 2).isEmpty, "one frame of two")
  }

  /// Two frames of 2x2 places: the fourth row of each.
  @Test func `A relation within frames is each frame's centre's row`() {
    var values = [Float](repeating: 0, count: 32)
    values.replaceSubrange(12..<16, with: [1, 0, 0, 0])
    values.replaceSubrange(28..<32, with: [0, 0, 0.5, 0.5])
    let maps = [[1, 0, 0, 0], [0, 0, 0.5, 0.5]].map { HeatMap(rows: 2, columns: 2, values: $0) }
    #expect(all(.relation, [2, 1, 4, 4], values, frames: 2) == [.clipAttention(maps, isOfMiddleFrame: false)])
  }

  /// One token and 2x2 places: the fifth row without its first column.
  @Test func `A relation behind a summary leaves that out`() {
    var values = [Float](repeating: 0, count: 25)
    values.replaceSubrange(20..<25, with: [0.5, 0.25, 0, 0.125, 0.125])
    let map = HeatMap(rows: 2, columns: 2, values: [0.25, 0, 0.125, 0.125])
    #expect(all(.relationBehindSummary, [1, 1, 5, 5], values, frames: 1) == [.attention(map, isOfCentre: true)])
  }

  @Test func `A relation in time is the mean over places and heads`() {
    let one: [Float] = [1, 0, 0.5, 0.5], two: [Float] = [0, 1, 1, 0]
    let mean = HeatMap(rows: 2, columns: 2, values: [0.5, 0.5, 0.75, 0.25])
    #expect(all(.relationInTime, [2, 2, 2], one + two, frames: 2) == [.frameAttention(mean)])
    #expect(all(.relationInTime, [1, 2, 2, 2], one + two, frames: 2) == [.frameAttention(mean)])
    #expect(all(.relationInTime, [2, 2, 2], one + two, frames: 4).isEmpty, "two frames, not four")
  }

  /// Two frames of one place or of 1x2; rows are what a position takes.
  @Test func `A relation in a clip is summed frame by frame, and shows the middle frame's centre`() {
    let values: [Float] = [
      0.1, 0.2, 0.3, 0.4,
      0.5, 0.1, 0.4, 0,
      0, 0, 1, 0,
      0.25, 0.5, 0.125, 0.125,
    ]
    let found = all(.relationInClip, [1, 4, 4], values, aspect: 0.5, frames: 2)
    #expect(found.count == 2)
    guard case .frameAttention(let matrix)? = found.first else {
      Issue.record("\(found)")
      return
    }
    // The first frame's two positions take 0.3 and 0.6 of it, the second frame's 0 and 0.75 of the first.
    #expect(zip(matrix.values, [0.45, 0.55, 0.375, 0.625]).allSatisfy { abs($0 - $1) < 1e-6 }, "\(matrix)")
    let maps = [[0.25, 0.5], [0.125, 0.125]].map { HeatMap(rows: 1, columns: 2, values: $0) }
    #expect(found.last == .clipAttention(maps, isOfMiddleFrame: true))
    // Two zones, each with one position of each frame: no map, the mean of both zones.
    let zones = all(.relationInClip, [2, 2, 2], [1, 0, 0.5, 0.5, 0, 1, 1, 0], frames: 2)
    #expect(zones == [.frameAttention(HeatMap(rows: 2, columns: 2, values: [0.5, 0.5, 0.75, 0.25]))])
  }

  @Test func `Parts are means over what each has`() {
    let weights = Sight.weights(title: "branch weights", parts: ["a", "b"])
    let expected = Observation.Content.parts(
      title: "branch weights", names: ["a", "b"], values: [2, 5], areTrained: false)
    #expect(all(weights, [1, 2, 1, 3], [1, 2, 3, 4, 5, 6]) == [expected])
    #expect(all(weights, [1, 1, 1, 2], [2, 5]) == [expected])
  }

  @Test func `Factors of one title and module stand together`() {
    func mark(_ path: String, _ title: String, _ name: String, _ value: Float) -> (String, Sight, Shape, [Float]) {
      (path, .factor(title: title, name: name), [1], [value])
    }
    let found = observe([
      mark("a", "t", "α", 1), mark("a", "t", "β", 2), mark("a", "u", "α", 3), mark("b", "u", "β", 4),
    ])
    #expect(found.map(\.path) == ["a", "a", "b"])
    #expect(
      found.first?.content == .parts(title: "t", names: ["α", "β"], values: [1, 2], areTrained: true))
  }

  @Test func `Positions are laid out like the picture`() {
    func grid(_ count: Int, _ aspect: Double) -> [Int]? {
      Observation.grid(count, aspect: aspect).map { [$0.rows, $0.columns] }
    }
    #expect(grid(49, 1) == [7, 7] && grid(48, 0.75) == [6, 8] && grid(48, 4.0 / 3) == [8, 6] && grid(1, 1) == [1, 1])
    #expect(grid(13, 1) == nil && grid(0, 1) == nil)
  }
}
