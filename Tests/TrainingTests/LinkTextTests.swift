import Testing
import Training

@Suite struct LinkTextTests {
  /// Of a link's bits 1448 in 1538 carry messages: 0.94148 of them.
  @Test("Rates with their units", arguments: [
    ("10Gbit", 1.17685e9), ("100MBit", 1.17685e7), ("1 Gbit/s", 1.17685e8), ("1GB/s", 1e9), ("1.5 MiB/s", 1_572_864),
    ("200kB/s", 2e5),
  ] as [(String, Double)])
  func rates(text: String, wanted: Double) throws {
    let rate = try #require(LinkText.bytesPerSecond(text))
    #expect(abs(rate - wanted) < 1e-5 * wanted)
  }

  @Test("Delays with their units", arguments: [
    ("30us", 30e-6), ("0.2ms", 0.2e-3), ("5 µs", 5e-6), ("1s", 1), ("0us", 0),
  ] as [(String, Double)])
  func delays(text: String, wanted: Double) throws {
    let seconds = try #require(LinkText.seconds(text))
    #expect(abs(seconds - wanted) <= 1e-12)
  }

  @Test("Anything else is refused", arguments: [
    "10", "Gbit", "10gbit", "10Gb", "1GB", "-1Gbit", "0Gbit", "1e3Mbit", "1..5Gbit", ".5Gbit", "10Gbit ", "10  Gbit",
    "", "1.Gbit", "nanGbit", "30us",
  ])
  func refusedRates(text: String) { #expect(LinkText.bytesPerSecond(text) == nil) }

  @Test("Delays too", arguments: ["30", "us", "30usec", "-1us", "30 Us", "1m", ""])
  func refusedDelays(text: String) { #expect(LinkText.seconds(text) == nil) }
}
