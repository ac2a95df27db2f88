import Foundation
import Testing

/// The program as a user meets it: started with arguments, judged by its exit code and by what it prints.
enum Program {
  /// How a run ended.
  struct Ending {
    /// The exit code; 128 and the signal's number for a run that a signal ended.
    let code: Int32
    let output: String
    let errors: String

    /// The standard output as one JSON object.
    func json() throws -> [String: Any] {
      try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    }
  }

  /// The program that was built together with these tests: it lies beside the bundle.
  static let path: String? = {
    let bundles = Bundle.allBundles.map(\.bundlePath).filter { $0.hasSuffix(".xctest") }
    let neighbours = ["/proc/self/exe", CommandLine.arguments[0]] + bundles
    return neighbours
      .map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().deletingLastPathComponent() }
      .map { $0.appendingPathComponent("trainer").path }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }()

  /// Starts the program and waits for its end.
  /// - Parameters:
  ///   - ranks: started by `mpirun` with so many ranks; `nil` starts it plainly.
  ///   - environment: added to this process's own.
  ///   - folder: where it runs.
  ///   - seconds: after which it is killed, so that a hang fails one test and not the suite.
  static func run(
    _ arguments: [String], ranks: Int? = nil, environment: [String: String] = [:], in folder: String? = nil,
    seconds: Double = 120
  ) throws -> Ending {
    let trainer = try #require(path, "there is no program beside the tests: build with `swift build --build-tests`")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: ranks == nil ? trainer : "/usr/bin/env")
    let launcher = ranks.map { ["mpirun", "-n", "\($0)", "--oversubscribe", "--bind-to", "none", trainer] } ?? []
    process.arguments = launcher + arguments
    process.environment = ownEnvironment.merging(environment) { $1 }
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }

    // Files, not pipes: nobody has to empty them while the program runs.
    let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("program-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let files = ["output", "errors"].map { scratch.appendingPathComponent($0) }
    for file in files { try Data().write(to: file) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: files[0])
    process.standardError = try FileHandle(forWritingTo: files[1])

    let end = DispatchSemaphore(value: 0)
    process.terminationHandler = { _ in end.signal() }
    try process.run()
    if end.wait(timeout: .now() + seconds) == .timedOut {
      kill(process.processIdentifier, SIGKILL)
      end.wait()
    }
    let texts = try files.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
    let signal: Int32 = process.terminationReason == .uncaughtSignal ? 128 : 0
    return Ending(code: signal + process.terminationStatus, output: texts[0], errors: texts[1])
  }

  /// This process's environment without what makes a process one of a job's ranks.
  private static let ownEnvironment = ProcessInfo.processInfo.environment
    .filter { key, _ in
      !["OMPI_COMM_", "OMPI_UNIVERSE_", "OMPI_APP_", "PMIX_", "PRTE_"].contains { key.hasPrefix($0) }
    }
    .merging(["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"]) { $1 }
}
