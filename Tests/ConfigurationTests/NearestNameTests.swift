import Configuration
import Testing

@Suite struct NearestNameTests {
  static let known = [
    "attention", "cbam", "eca", "name", "reduction", "resnet18", "resnet50", "learning_rate", "batch",
  ]

  @Test(arguments: [
    ("attenton", "attention"), ("cbma", "cbam"), ("CBAM", "cbam"), ("resnet5", "resnet50"),
    ("learning-rate", "learning_rate"),
    ("batch_size", "batch"), ("learnign_rate", "learning_rate"), ("nmae", "name"),
  ])
  func finds(_ wrong: String, _ right: String) { #expect(nearestName(to: wrong, among: Self.known) == right) }

  @Test(arguments: ["", "zzz", "x", "transformer", String(repeating: "a", count: 100_000)])
  func findsNothingFarAway(_ wrong: String) { #expect(nearestName(to: wrong, among: Self.known) == nil) }

  @Test func theAlphabeticallyFirstWinsATie() {
    #expect(nearestName(to: "resnet", among: ["resnet9", "resnet8"]) == "resnet8")
  }
}
