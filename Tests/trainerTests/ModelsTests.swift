import Testing

@Suite struct ModelsTests {
  @Test func `The catalogue as JSON`() throws {
    let listing = try Program.run(["models", "--json"]).json()
    let networks = try #require(listing["networks"] as? [[String: Any]])
    let attentions = try #require(listing["attentions"] as? [[String: Any]])
    let resnet = try #require(networks.first { $0["name"] as? String == "resnet50" })
    #expect(resnet["parameters"] as? Int == 25_557_032)
    #expect(resnet["image_size"] as? Int == 224)
    #expect(Set(attentions.compactMap { $0["name"] as? String }).isSuperset(of: ["se", "eca", "cbam"]))
    #expect(Set(listing.keys) == ["networks", "attentions"])
  }

  @Test func `The catalogue as text and as Markdown`() throws {
    #expect(try Program.run(["models"]).output.contains("11,689,512"))
    #expect(try Program.run(["models", "--markdown"]).output.hasPrefix("| network "))
  }
}
