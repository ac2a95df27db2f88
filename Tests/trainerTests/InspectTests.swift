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
      // What is computed again is chosen for each batch anew, so the two plans are compared without it.
      try Program.run([
        "inspect", "resnet20", "--attention", "cbam", "--batch", "\($0)", "--threads", "1", "--json", "--memory-budget",
        "unlimited",
      ]).json()
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

  @Test func `Layer decay is listed, stem first`() throws {
    let file = Pictures.repository + "/configs/quickstart.yaml"
    let arguments = ["inspect", file, "optimizer.layer_decay=0.5", "--threads", "1"]
    let report = try Program.run(arguments + ["--json"]).json()
    let rates = try #require(report["layer_rates"] as? [[String: Any]])
    #expect(rates.count == 11 && rates[0]["first"] as? String == "conv1.weight")
    let scales = rates.compactMap { $0["rate_scale"] as? Double }
    #expect(scales.first == 0x1p-10 && scales.last == 1 && zip(scales, scales.dropFirst()).allSatisfy { 2 * $0 == $1 })
    #expect(try Program.run(arguments).output.contains(/10 +fc.weight +1\n/))
  }

  @Test func `A budget is kept, and what that costs is told`() throws {
    func report(_ budget: String) throws -> [String: Any] {
      try Program.run(["inspect", "resnet20", "--memory-budget", budget, "--threads", "1", "--json"]).json()
    }
    let unlimited = try report("unlimited")
    let all = try #require(unlimited["arena_bytes_training"] as? Int)
    #expect(unlimited["recomputed_steps"] as? Int == 0 && unlimited["recomputed_bytes_moved"] as? Int == 0)
    // Less than 56 % do not go: outputs of convolutions whose norms are never in memory are most of what is kept.
    let budget = all * 3 / 5, part = try report("\(budget)")
    #expect(try #require(part["arena_bytes_training"] as? Int) <= budget)
    #expect(try #require(part["recomputed_bytes_moved"] as? Int) > all / 4)
    let plan = try Program.run(["inspect", "resnet20", "--memory-budget", "\(budget)", "--threads", "1", "--plan"])
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

  /// Two ranks send each byte once, four one and a half times, in two or four messages a bucket.
  @Test func `Steps on several ranks are foretold from computing and link`() throws {
    let options = ["--batch", "32", "--threads", "1", "--ranks", "4", "--bandwidth", "1MB/s", "--latency", "0.1ms"]
    let report = try Program.run(
      ["inspect", "resnet20", "--json", "--compute-seconds", "0.25"] + options).json()
    #expect(report["batch"] as? Int == 8)
    let told = try #require(report["prediction"] as? [String: Any])
    #expect(told["rank_batch"] as? Int == 8 && told["batch"] as? Int == 32 && told["ranks_timed_at_once"] as? Int == 0)
    let gradients = try #require(told["gradient_seconds"] as? Double)
    let ready = try #require(told["bucket_ready_seconds"] as? [Double])
    #expect(abs(gradients + (try #require(told["update_seconds"] as? Double)) - 0.25) < 1e-9)
    #expect(ready == ready.sorted() && ready.last == gradients)
    let buckets = try #require(told["buckets"] as? [Int])
    #expect(buckets.count == ready.count && buckets.reduce(0, +) == report["gradient_bytes_per_step"] as? Int)
    let steps = try #require(told["steps"] as? [[String: Any]])
    #expect(steps.map { $0["ranks"] as? Int } == [1, 2, 4])
    for (ranks, step) in zip([1.0, 2, 4], steps) {
      func number(_ key: String) throws -> Double { try #require(step[key] as? Double) }
      let sent = 2 * (ranks - 1) / ranks * Double(buckets.reduce(0, +))
      #expect(try abs(number("bytes_sent") - sent) < 1e-6 * sent + 1e-9)
      #expect(try abs(number("step_seconds") - number("compute_seconds") - number("exposed_seconds")) < 1e-9)
      #expect(try abs(number("images_per_second") * number("step_seconds") - 8 * ranks) < 1e-6)
      // Messages and bytes, and a little for adding up.
      if ranks > 1 {
        let wire = sent / 1e6 + (2 * Double(buckets.count) + 2) * (ranks == 2 ? 1e-4 : 2e-4)
        #expect(try number("communication_seconds") >= wire - 1e-9 && number("communication_seconds") < 1.05 * wire)
      }
    }
    let text = try Program.run(["inspect", "resnet20"] + options).output
    #expect(text.contains("A training step on 4 ranks, 4 hosts: 8 images a rank, 1 replica of 8, 1 thread"))
    #expect(text.contains("measured with 1 rank at once"))
    #expect(text.contains("link     100 µs + 1.0 MB/s, as given"))
  }

  @Test(.enabled(if: Program.hasMPIRun)) func `Ranks of mpirun are timed at once, and their link is measured`() throws {
    let run = try TinyRun()
    let report = try Program.run(["inspect", run.file, "--ranks", "4", "--json"], ranks: 2).json()
    let told = try #require(report["prediction"] as? [String: Any])
    #expect(told["ranks_timed_at_once"] as? Int == 2 && told["replicas_per_rank"] as? Int == 1)
    #expect((told["link"] as? [String: Any])?["is_measured"] as? Bool == true)
    let steps = try #require(told["steps"] as? [[String: Any]])
    #expect(steps.allSatisfy { ($0["efficiency"] as? Double ?? 0) > 0 && ($0["efficiency"] as? Double ?? 2) <= 1 })
  }

  @Test("What cannot be foretold is refused", arguments: [
    (["--ranks", "4"], "--ranks: needs a link: give --bandwidth and --latency, or start with mpirun"),
    (["--ranks", "4", "--bandwidth", "10Gb", "--latency", "1us"], "--bandwidth: wanted a rate such as '10Gbit'"),
    (["--ranks", "4", "--bandwidth", "1Gbit", "--latency", "30"], "--latency: wanted a time such as '30us'"),
    (["--ranks", "4", "--hosts", "3", "--bandwidth", "1Gbit", "--latency", "1us"], "--hosts: wanted a number that"),
    (["--ranks", "4", "--bandwidth", "1Gbit"], "--bandwidth and --latency go together"),
    (["--latency", "1us"], "--latency goes with --ranks"),
    (["--ranks", "3", "--bandwidth", "1Gbit", "--latency", "1us"], "a batch of 32 cannot be dealt evenly to 3"),
  ])
  func refused(options: [String], sentence: String) throws {
    let ending = try Program.run(["inspect", "resnet20"] + options)
    #expect(ending.code == 64 && ending.errors.contains(sentence), "\(ending.errors)")
  }
}
