import Foundation
import Safetensors
import Testing
import Training

@Suite struct TensorComparisonTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func stored(_ name: String, _ tensors: [(String, [Int], [Float])], count: Int = 1) throws -> StoredTensors {
    var writer = SafetensorsWriter()
    for (name, shape, values) in tensors { try writer.add(name, shape: shape, floats: values) }
    try writer.add("steps", shape: [], integers: [count])
    _ = try writer.write(to: "\(folder.path)/\(name)")
    return try StoredTensors("\(folder.path)/\(name)")
  }

  @Test func `Differences are found by name, shape and number, the largest first`() throws {
    let first = try stored(
      "first", [("a", [2], [1, 2]), ("b", [2], [4, 0]), ("c", [1], [1]), ("d", [2], [.nan, 1]), ("e", [2], [0, 0])])
    let second = try stored(
      "second",
      [("a", [2], [1, 2.5]), ("b", [2], [5, 1]), ("d", [2], [.nan, 1]), ("e", [1, 2], [0, 0]), ("f", [1], [1])],
      count: 2)
    let comparison = try TensorComparison(first, second)
    #expect(comparison.commonCount == 5)
    #expect(comparison.differences.map(\.name) == ["c", "e", "f", "steps", "a", "b"])
    #expect(
      comparison.differences.map(\.difference) == [
        .onlyInFirst, .shape([2], [1, 2]), .onlyInSecond, .values(count: 1, of: 1, largest: 1, relative: 1),
        .values(count: 1, of: 2, largest: 0.5, relative: 0.25), .values(count: 2, of: 2, largest: 1, relative: 0.25),
      ])
    #expect(try TensorComparison(first, first).differences.isEmpty)
    // A quarter of the largest magnitude is let pass, of every tensor its own.
    let tolerant = try TensorComparison(first, second, tolerance: 0.25)
    #expect(tolerant.differences.map(\.name) == ["c", "e", "f", "steps"])
  }

  /// Zeros of both signs are the same number; a number and a NaN are not, whatever is allowed.
  @Test func `A number that became none is a difference under any tolerance`() throws {
    let first = try stored("first", [("a", [2], [0, 1])]), second = try stored("second", [("a", [2], [-0.0, .nan])])
    let comparison = try TensorComparison(first, second, tolerance: 1000)
    #expect(
      comparison.differences.map(\.difference) == [.values(count: 1, of: 2, largest: .infinity, relative: .infinity)])
  }
}
