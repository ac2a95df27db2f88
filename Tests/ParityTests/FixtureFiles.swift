import Foundation

/// Where the reference files lie: `Tests/Fixtures`, and every folder of `PARITY_FIXTURES` (separated by colons).
enum FixtureFiles {
  static let own = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures").path

  static let all: [String] = {
    let others = ProcessInfo.processInfo.environment["PARITY_FIXTURES"]?.split(separator: ":").map(String.init) ?? []
    return ([own] + others).flatMap(files)
  }()

  /// The path of a file that the suite brings along.
  static func path(_ name: String) -> String { "\(own)/\(name).safetensors" }

  private static func files(in folder: String) -> [String] {
    let folder = URL(filePath: folder).resolvingSymlinksInPath().path
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return names.filter { $0.hasSuffix(".safetensors") }.sorted().map { "\(folder)/\($0)" }
  }
}
