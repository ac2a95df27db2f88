import Compute
import Testing

@Suite struct ProcessorTests {
  @Test("A warning where OpenBLAS's kernels are narrower than the processor", arguments: [
    ("SkylakeX", Processor.Instructions.avx512, false), ("Cooperlake", .avx512, false), ("Haswell", .avx512, true),
    ("Haswell", .avx2, false), ("Zen", .avx2, false), ("SANDYBRIDGE", .avx2, true), ("Prescott", .basic, false),
    ("neoversev1", .basic, false),
  ])
  func blasKernels(kernel: String, offered: Processor.Instructions, isWarned: Bool) {
    let warning = Processor.blasWarning(kernel: kernel, on: offered)
    #expect((warning != nil) == isWarned)
    if let warning { #expect(warning.contains(kernel) && warning.contains("\(offered)")) }
  }

  /// Twice the workers do at most twice the work, and a rate is not zero.
  @Test func ratesAreOfAllWorkersTogether() throws {
    let team = WorkerTeam(count: 2)
    let products = try PeakRate.measure(team, side: 128, seconds: 0.02)
    let copies = try PeakRate.measureCopy(team, bytesPerWorker: 1 << 20, seconds: 0.02, isTypical: true)
    // Between a slow core of twenty years ago and more than any core has.
    #expect(products > 1e8 && products < 4e12)
    #expect(copies > 1e8 && copies < 4e12)
  }
}
