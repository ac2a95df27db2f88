import Configuration
import Datasets
import Testing

@Suite struct LoaderSettingsTests {
  @Test func readFromARunFile() throws {
    let data = ConfigSection(["loader_threads": 0, "batches_ahead": 2, "max_broken": 0], path: "data")
    #expect(try LoaderSettings(reading: data) == LoaderSettings(threads: 0, batchesAhead: 2, maxBroken: 0))
    #expect(try LoaderSettings(reading: ConfigSection([:])) == LoaderSettings(threads: 1, batchesAhead: 4, maxBroken: 10))
    do {
      _ = try LoaderSettings(reading: ConfigSection(["batches_ahead": 0], path: "data"))
      Issue.record("a queue of no batches was accepted")
    } catch {
      #expect("\(error)" == "data.batches_ahead: wanted a whole number from 1 to 65536, found '0'")
    }
  }
}
