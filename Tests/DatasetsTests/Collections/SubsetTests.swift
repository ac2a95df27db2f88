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
}
