import Foundation
import Testing

@Suite struct ModelsTests {
  @Test func `The catalogue as JSON`() throws {
    let listing = try Program.run(["models", "--json"]).json()
    let networks = try #require(listing["networks"] as? [[String: Any]])
    let attentions = try #require(listing["attentions"] as? [[String: Any]])
    let resnet = try #require(networks.first { $0["name"] as? String == "resnet50" })
    #expect(resnet["parameters"] as? Int == 25_557_032)
    #expect(resnet["image_size"] as? Int == 224)
    let names = Set(attentions.compactMap { $0["name"] as? String })
    #expect(names.isSuperset(of: ["se", "eca", "cbam", "gc", "cat", "sem"]))
    let cbam = try #require(attentions.first { $0["name"] as? String == "cbam" })
    #expect(cbam["added_parameters"] as? Int == 28_089_624 - 25_557_032)
    #expect(cbam["category"] as? String == "channel & spatial")
    #expect(cbam["parity"] as? String == "cbam/module_c32_r8" && (cbam["added_multiply_adds"] as? Int ?? 0) > 0)
    #expect(Set(listing.keys) == ["networks", "attentions"])
  }

  @Test func `The options of one network or module`() throws {
    let text = try Program.run(["models", "cbam"]).output
    #expect(text.hasPrefix("cbam (Woo et al.; ECCV 2018)\n"))
    let rows = text.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
    let order = try #require(rows.first { $0.first == "order" })
    #expect(order.map(String.init) == ["order", "channel_first", "channel_first,", "spatial_first,", "parallel"])
    #expect(rows.contains { $0.first == "reduction" && $0.contains("16") })

    let nonLocal = try Program.run(["models", "nl", "--json"]).json()
    let options = try #require(nonLocal["options"] as? [[String: String]])
    let stages = try #require(options.first { $0["key"] == "stages" })
    #expect(stages["value"] == "[4]" && stages["takes"]?.hasPrefix("all or a list") == true)
    #expect(options.first { $0["key"] == "place" }?["value"] == "before_last")

    #expect(try Program.run(["models", "resnet50", "--markdown"]).output.contains("| stem "))
    #expect(try Program.run(["models", "mobilenet_1.0"]).output.hasSuffix("no options\n"))
    let unknown = try Program.run(["models", "cbma"])
    #expect(unknown.code == 64 && unknown.errors.contains("did you mean 'cbam'?"), "\(unknown.errors)")
    let behind = try #require(try Program.run(["models", "gltr", "--json"]).json()["options"] as? [[String: String]])
    #expect(behind.first { $0["key"] == "place" }?["takes"] == "features" && !behind.contains { $0["key"] == "stages" })
  }

  @Test func `The catalogue as text and as Markdown`() throws {
    #expect(try Program.run(["models"]).output.contains("11,689,512"))
    let markdown = try Program.run(["models", "--markdown"]).output
    #expect(markdown.hasPrefix("| network "))
    let readme = try String(contentsOfFile: Pictures.repository + "/README.md", encoding: .utf8)
    #expect(readme.contains(markdown), "README's table is older than the catalogue: trainer models --markdown")
  }
}
