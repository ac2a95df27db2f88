import Testing

@Suite struct InspectTests {
  @Test("The published counts, layer by layer", arguments: [
    ("resnet18", 11_689_512, 1_814_073_344), ("resnet50", 25_557_032, 4_089_184_256),
    ("resnext50_32x4d", 25_028_904, 4_230_479_872), ("wide_resnet50_2", 68_883_240, 11_398_021_120),
  ])
  func counts(model: String, parameters: Int, multiplyAdds: Int) throws {
    let report = try Program.run(["inspect", "--model", model, "--json", "--threads", "2"]).json()
    #expect(report["parameters"] as? Int == parameters)
    #expect(report["multiply_adds"] as? Int == multiplyAdds)
    let layers = try #require(report["layers"] as? [[String: Any]])
    #expect(layers.reduce(0) { $0 + ($1["parameters"] as? Int ?? 0) } == parameters)
    #expect(layers.reduce(0) { $0 + ($1["multiply_adds"] as? Int ?? 0) } == multiplyAdds)
    let stem = try #require(layers.first)
    #expect(stem["path"] as? String == "conv1")
    #expect(stem["operator"] as? String == "conv2d")
    #expect(stem["output_shape"] as? [Int] == [32, 112, 112, 64])
    #expect(stem["parameters"] as? Int == 64 * 3 * 7 * 7)
  }

  @Test func `Memory grows with the batch, work for an image does not`() throws {
    let reports = try [4, 8].map {
      try Program.run(["inspect", "resnet20", "--attention", "cbam", "--batch", "\($0)", "--threads", "1", "--json"])
        .json()
    }
    let bytes = reports.compactMap { $0["arena_bytes_training"] as? Int }
    #expect(bytes.count == 2 && Double(bytes[1]) > 1.6 * Double(bytes[0]) && Double(bytes[1]) < 2.2 * Double(bytes[0]))
    for report in reports {
      let arena = try #require(report["arena_bytes_training"] as? Int)
      #expect(try #require(report["arena_lower_bound_bytes"] as? Int) <= arena)
      #expect(try #require(report["arena_bytes_inference"] as? Int) < arena)
      let buckets = try #require(report["buckets"] as? [Int])
      #expect(buckets.reduce(0, +) == report["gradient_bytes_per_step"] as? Int)
    }
    #expect(reports[0]["multiply_adds"] as? Int == reports[1]["multiply_adds"] as? Int)
    #expect(reports[0]["gradient_bytes_per_step"] as? Int == reports[1]["gradient_bytes_per_step"] as? Int)
  }

  @Test func `A budget is kept, and what that costs is told`() throws {
    func report(_ budget: String) throws -> [String: Any] {
      try Program.run(["inspect", "resnet20", "--memory-budget", budget, "--threads", "1", "--json"]).json()
    }
    let unlimited = try report("unlimited")
    let all = try #require(unlimited["arena_bytes_training"] as? Int)
    #expect(unlimited["recomputed_steps"] as? Int == 0 && unlimited["recomputed_bytes_moved"] as? Int == 0)
    let half = try report("\(all / 2)")
    #expect(try #require(half["arena_bytes_training"] as? Int) <= all / 2)
    #expect(try #require(half["recomputed_bytes_moved"] as? Int) > all / 4)
    let plan = try Program.run(["inspect", "resnet20", "--memory-budget", "\(all / 2)", "--threads", "1", "--plan"])
    #expect(plan.output.contains(": recompute "))
  }

  @Test func `A table for people ends with the memory plan`() throws {
    let text = try Program.run(["inspect", "--model", "resnet20", "--classes", "7"]).output
    #expect(text.hasPrefix("resnet20, 7 classes: images [32, 32, 3], batch 32"))
    #expect(text.contains("\nfc "))
    #expect(text.contains("[32, 7]"))
    #expect(text.contains("memory of a training step"))
  }

  @Test func `The plan lists both passes and where buckets close`() throws {
    let text = try Program.run(["inspect", "resnet20", "--plan"]).output
    #expect(text.contains("forward conv2d 3x3 conv1"))
    #expect(text.contains("backward"))
    #expect(text.contains("bucket 0 closes"))
  }
}
