import Testing

@Suite struct BenchmarkTests {
  @Test func `One object with the figures that others rely on`() throws {
    let ending = try Program.run([
      "benchmark", "--model", "resnet20", "--attention", "se", "--image-size", "16", "--batch", "2", "--steps", "2",
      "--warmup", "0", "--threads", "1", "--per-step", "--json",
    ])
    #expect(ending.code == 0)
    let report = try ending.json()
    #expect(report["model"] as? String == "resnet20")
    #expect(report["attention"] as? String == "se")
    #expect(report["batch"] as? Int == 2)
    #expect(report["image_size"] as? Int == 16)
    #expect(report["threads"] as? Int == 1)
    let seconds = try #require(report["step_seconds"] as? Double)
    let rate = try #require(report["images_per_second"] as? Double)
    #expect(abs(rate * seconds - 2) < 1e-6)
    let flops = try #require(report["flops_per_image"] as? Double)
    let gemm = try #require(report["gemm_gflops"] as? Double)
    let share = try #require(report["share_of_gemm_peak"] as? Double)
    #expect(abs(share - flops * rate / (gemm * 1e9)) < 1e-6 * share)
    #expect(try #require(report["peak_memory_bytes"] as? Int) > 1 << 20)
    let kinds = try #require(report["per_step"] as? [[String: Any]])
    let times = kinds.compactMap { $0["milliseconds"] as? Double }
    #expect(times.count == kinds.count && times == times.sorted(by: >))
    #expect(kinds.contains { $0["operator"] as? String == "conv2d 3x3" && $0["direction"] as? String == "backward" })
  }

  /// An operator's limit is the longer of its products and its copies, and what it takes beyond that is lost.
  @Test func `Operators are held against the machine's limits`() throws {
    let report = try Program.run([
      "benchmark", "--model", "resnet20", "--image-size", "16", "--batch", "2", "--steps", "1", "--warmup", "1",
      "--threads", "2", "--operators", "--json",
    ]).json()
    let operators = try #require(report["operators"] as? [String: Any])
    let gemm = try #require(operators["gemm_gflops"] as? Double)
    let copy = try #require(operators["copy_gigabytes"] as? Double)
    let rows = try #require(operators["rows"] as? [[String: Any]])
    #expect(report["gemm_gflops"] as? Double == gemm && copy > 0 && report["per_step"] == nil)
    func figures(_ name: String) -> [Double] { rows.compactMap { $0[name] as? Double } }
    let lost = figures("lost_milliseconds"), taken = figures("milliseconds"), shares = figures("share_of_limit")
    #expect(lost == lost.sorted(by: >) && lost.count == rows.count)
    #expect(abs(figures("share").reduce(0, +) - 1) < 1e-9)
    for (row, (products, copies)) in zip(rows, zip(figures("gflops_per_second"), figures("gigabytes_per_second"))) {
      let share = max(products / gemm, copies / copy)
      #expect((row["limit"] as? String == "copies") == (copies / copy >= products / gemm))
      #expect(abs(try #require(row["share_of_limit"] as? Double) - share) < 1e-9 * share)
    }
    for (lost, (taken, share)) in zip(lost, zip(taken, shares)) {
      #expect(abs(lost - taken * (1 - share)) < 1e-6 * taken * max(1, share))
    }
    // Three stages of six convolutions and two shapes more where a stage begins: the same shapes are one row.
    let middle = rows.first { $0["shapes"] as? String == "[2, 8, 8, 32]" && $0["direction"] as? String == "forward"
      && $0["operator"] as? String == "conv2d 3x3" }
    #expect(middle?["count"] as? Int == 5)
  }

  /// Both passes of resnet20 on an image of 32 pixels: three times the forward pass, less the gradient at the images,
  /// which the first convolution need not compute.
  @Test func `Operations follow the stated rule`() throws {
    let report = try Program.run([
      "benchmark", "--model", "resnet20", "--batch", "1", "--steps", "1", "--warmup", "0", "--threads", "1", "--json",
    ]).json()
    let forward = 40_813_184, stem = 32 * 32 * 16 * 27
    #expect(report["flops_per_image"] as? Double == Double(2 * (3 * forward - stem)))
    #expect(report.keys.contains("attention") && !(report["attention"] is String))
  }

  @Test("Mistakes are one sentence and exit code 64", arguments: [
    (["benchmark", "--model", "resnet5"], "no network is called 'resnet5'; did you mean 'resnet50'?"),
    (["benchmark", "--attention", "cbm"], "no attention module is called 'cbm'; did you mean 'cbam'?"),
    (["benchmark", "--attention", "{name: cbm}"], "no attention module is called 'cbm'; did you mean 'cbam'?"),
    (["benchmark", "--attention", "{name: se, ratoi: 8}"], "model.attention.ratoi: unknown key"),
    (["benchmark", "--attention", "{name: se"], "--attention: wanted a module's name, or {name: NAME, option: value}"),
    (["benchmark", "--image-size", "0"], "--image-size: wanted a whole number from 1 to 8192, found 0"),
    (["benchmark", "--batch=-3"], "--batch: wanted a whole number from 1 to 65536, found -3"),
    (["benchmark", "--memory-budget", "much"], "--memory-budget: wanted auto, unlimited, or a size"),
    (["benchmark", "--model", "resnet20", "--memory-budget", "1 kB"], "the smallest budget that works is"),
    (["inspect", "resnet20", "--memory-budget", "2 apples"], "found '2 apples'"),
    (["benchmark", "--steps", "0"], "--steps: wanted a whole number from 1"),
    (["benchmark", "--image-size", "big"], "'big'"),
    (["inspect"], "wanted a run file or the name of a network"),
    (["inspect", "--model", "resnet500"], "no network is called 'resnet500'; did you mean 'resnet50'?"),
    (["inspect", "resnet50", "model.name=resnet20"], "settings go with a run file"),
    (["inspect", "nowhere.yaml"], "there is no readable run file nowhere.yaml"),
    (["models", "--json", "--markdown"], "give one of them"),
  ])
  func mistakes(arguments: [String], sentence: String) throws {
    let ending = try Program.run(arguments)
    #expect(ending.code == 64)
    #expect(ending.errors.contains(sentence))
    #expect(ending.output.isEmpty)
  }
}
