import Datasets
import Testing

@Suite struct SubsetTests {
  @Test func spreadsOverTheWhole() throws {
    let folder = try CIFARTests.miniature()
    let whole = try CIFAR(root: folder.path, version: .cifar10, split: .training)
    let subset = Subset(whole, limit: 4)
    #expect(subset.count == 4 && subset.classNames == whole.classNames)
    #expect(try (0..<4).map { try subset.sample(at: $0, minimumSide: nil).label } == [0, 2, 5, 7])
    #expect(subset.name(of: 3) == whole.name(of: 7))
    #expect(Subset(whole, limit: 99).count == 10)
  }

  @Test func takesWholeClips() throws {
    let subset = Subset(Scenes(count: 10, frames: 4), limit: 23)
    #expect(subset.count == 20 && subset.framesPerClip == 4)
    let names = [(0, 1), (0, 4), (2, 1), (8, 4)].map { "training scene \($0), frame \($1)" }
    #expect([0, 3, 4, 19].map(subset.name) == names)
    #expect(Subset(Scenes(count: 10, frames: 4), limit: 1).count == 4)
  }
}
