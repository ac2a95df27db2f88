import Configuration
import Testing
import Training

/// The list of modules of `trainer compare`.
@Suite struct ComparisonVariantTests {
  @Test func namesAndBracedModulesAreRead() throws {
    let variants = try ComparisonVariant.list("none, se,{name: gc, stages: [3, 4], ratio: 0.25}")
    #expect(variants.map(\.label) == ["none", "se", "gc stages=[3,4] ratio=0.25"])
    #expect(
      variants.map(\.setting) == [
        "model.attention=null", "model.attention=se", "model.attention={name: gc, stages: [3, 4], ratio: 0.25}",
      ])
    #expect(variants[2].folder(seed: 7) == "gc_stages=_3_4__ratio=0.25-seed7")
  }

  @Test(
    arguments: [
      ("se,,cbam", "names with a comma between them"), ("", "names with a comma between them"),
      ("se,{name: gc", "brackets that match"), ("se},cbam", "brackets that match"),
      ("se,eca,se", "each module once; 'se' comes twice"),
      ("se,{ratio: 0.25}", "a module's name, as in {name: gc, ratio: 0.25}"),
      // Two labels of one folder would be two runs in one.
      ("a b,a_b", "each module once; 'a_b' comes twice"), ("../../x,..%..%x", "each module once; '..%..%x' comes twice"),
    ])
  func listsThatAreNoneAreRefused(list: String, wanted: String) throws {
    let error = try #require(throws: ConfigError.self) { try ComparisonVariant.list(list) }
    #expect("\(error)".contains("--attention") && "\(error)".contains(wanted), "\(error)")
  }

  @Test func foldersStayWhereTheyAre() throws {
    for variant in try ComparisonVariant.list("../../etc,..,/root") {
      #expect(!variant.folder(seed: 0).contains("/"))
    }
  }
}
