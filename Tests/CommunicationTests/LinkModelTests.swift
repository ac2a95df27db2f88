import Communication
import Testing

@Suite struct LinkModelTests {
  @Test func `A line is found again in times that lie on it`() {
    let sizes = [8, 4096, 32_768, 262_144, 1_048_576, 4_194_304]
    for (alpha, rate) in [(31e-6, 1.2e9), (2e-6, 9e9), (5e-3, 1e6)] {
      let line = LinkLine(fitting: sizes.map { ($0, alpha + Double($0) / rate) })
      #expect(abs(line.latencySeconds - alpha) < 1e-6 * alpha)
      #expect(abs(line.bytesPerSecond - rate) < 1e-6 * rate)
    }
  }

  /// Short messages fix alpha: a tenth more on the longest moves it by little, beta by much.
  @Test func `A slow long message does not move the latency`() {
    let line = LinkLine(fitting: [(8, 30e-6), (1024, 31e-6), (4 << 20, 1.1 * 4.2e-3)])
    #expect(abs(line.latencySeconds - 30e-6) < 1e-6)
    #expect(abs(line.bytesPerSecond - 9.14e8) < 0.03e8)
  }

  /// A link that lets a quarter of a megabyte pass at 1 GB/s and then gives 118 MB/s is one of 118 MB/s.
  @Test func `A fast start does not make a fast link`() {
    let line = LinkLine(fitting: [(8, 15e-6), (16_384, 30e-6), (262_144, 0.6e-3), (1 << 20, 8.9e-3), (4 << 20, 35.5e-3)])
    #expect(line.latencySeconds == 15e-6 && line.bytesPerSecond < 140e6, "\(line)")
  }

  @Test func `Neither part is negative`() {
    let falling = LinkLine(fitting: [(8, 2e-6), (1 << 20, 1e-6)])
    #expect(falling.latencySeconds == 1e-6 && abs(falling.bytesPerSecond / 0x1p20 - 1e6) < 1)
    let steep = LinkLine(fitting: [(1000, 1e-6), (10_000, 20e-6)])
    #expect(steep.latencySeconds == 1e-6 && steep.bytesPerSecond > 0)
  }

  /// By hand: 4 ranks, 1 MB: 4 messages of 100 µs, 1.5 MB at 1 GB/s, 0.75 MB added at 4 GB/s.
  @Test func `A sum costs what the formula says`() {
    let line = LinkLine(latencySeconds: 100e-6, bytesPerSecond: 1e9)
    let link = LinkModel(lines: [line], additionSecondsPerByte: 0.25e-9)
    #expect(abs(link.allReduceSeconds(bytes: 1_000_000, ranks: 4) - (400e-6 + 1500e-6 + 187.5e-6)) < 1e-12)
    #expect(abs(link.allReduceSeconds(bytes: 1_000_000, ranks: 2) - (200e-6 + 1000e-6 + 125e-6)) < 1e-12)
    #expect(link.allReduceSeconds(bytes: 1_000_000, ranks: 1) == 0)
    // Three ranks: two rounds each way, 4/3 MB, 2/3 MB added.
    #expect(abs(link.allReduceSeconds(bytes: 1_000_000, ranks: 3) - (400e-6 + 4e-3 / 3 + 0.5e-3 / 3)) < 1e-12)
    #expect(abs(link.smallReductionSeconds(ranks: 8) - 300e-6) < 1e-12)
    #expect(LinkModel.bytesSent(bytes: 1000, ranks: 4) == 1500)
  }

  /// By hand: two hosts of two ranks. Inside, half the bytes twice at 10 GB/s; between, a quarter twice, and both ranks
  /// of a host share 1 GB/s.
  @Test func `Ranks of a host share its adapter`() {
    let link = LinkModel(
      insideHost: LinkLine(latencySeconds: 1e-6, bytesPerSecond: 1e10),
      betweenHosts: LinkLine(latencySeconds: 50e-6, bytesPerSecond: 1e9), ranksPerHost: 2, ranks: 4)
    let inside = 2 * (1e-6 + 500_000 / 1e10), between = 2 * (50e-6 + 250_000 / 0.5e9)
    #expect(abs(link.allReduceSeconds(bytes: 1_000_000, ranks: 4) - inside - between) < 1e-12)
  }

  @Test func `Buckets are large enough for latency to be a tenth, within limits`() {
    func bytes(_ alpha: Double, _ rate: Double, ranks: Int) -> Int {
      LinkModel(lines: [LinkLine(latencySeconds: alpha, bytesPerSecond: rate)]).bucketBytes(ranks: ranks)
    }
    // 9 x 2 x 100 µs at 1 GB/s: 1.8 MB, in pieces of 64 KiB.
    #expect(bytes(100e-6, 1e9, ranks: 2) == 27 << 16)
    let link = LinkModel(lines: [LinkLine(latencySeconds: 100e-6, bytesPerSecond: 1e9)])
    #expect(abs(200e-6 / link.allReduceSeconds(bytes: 27 << 16, ranks: 2) - 0.1) < 0.005)
    // A faster answer than a nap of 50 µs does not come while the processors are busy.
    #expect(bytes(1e-6, 4e9, ranks: 2) == bytes(50e-6, 4e9, ranks: 2))
    #expect(bytes(1e-6, 1e6, ranks: 4) == 256 << 10)
    #expect(bytes(10e-3, 1e10, ranks: 4) == 16 << 20)
  }
}

extension InWorlds {
  @Suite struct LinkMeasurementTests {
    @Test func everyRankHasTheSameLine() throws {
      try InWorlds.run(sizes: [2, 3, 4]) { communicator in
        let link = try LinkMeasurement.model(over: communicator, seconds: 0.05)
        #expect(link.lines.count == (communicator.size == 2 ? 1 : 2))
        #expect(link.lines.allSatisfy { $0.latencySeconds < 0.1 && $0.bytesPerSecond > 1e6 })
        #expect(link.additionSecondsPerByte > 1e-12 && link.additionSecondsPerByte < 1e-7)
        let own = link.lines.flatMap { [$0.latencySeconds, $0.bytesPerSecond] } + [link.additionSecondsPerByte]
        #expect(try communicator.allReduce("max", own, .max) == communicator.allReduce("min", own, .min))
        let kind: ReductionKind = communicator.size == 3 ? .fast : .tree
        let sums = try LinkMeasurement.sums(over: communicator, kind, against: link, seconds: 0.05)
        #expect(sums.count >= 2 && sums.map(\.bytes) == sums.map(\.bytes).sorted())
        for sum in sums {
          #expect(sum.measuredSeconds > 0)
          #expect(sum.predictedSeconds == link.allReduceSeconds(bytes: sum.bytes, ranks: communicator.size))
        }
      }
    }
  }
}
