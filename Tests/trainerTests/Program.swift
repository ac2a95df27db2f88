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

  /// Whether jobs of several ranks can be started here.
  static let hasMPIRun = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .contains { FileManager.default.isExecutableFile(atPath: "\($0)/mpirun") }

  /// Starts the program and waits for its end.
  /// - Parameters:
  ///   - ranks: started by `mpirun` with so many ranks; `nil` starts it plainly.
  ///   - hosts: where the ranks run; `nil` for this machine.
  ///   - environment: added to this process's own.
  ///   - folder: where it runs.
  ///   - seconds: after which it is killed, so that a hang fails one test and not the suite.
  static func run(
    _ arguments: [String], ranks: Int? = nil, on hosts: NetworkHosts? = nil, environment: [String: String] = [:],
    in folder: String? = nil, seconds: Double = 120
  ) throws -> Ending {
    try start(arguments, ranks: ranks, on: hosts, environment: environment, in: folder).end(within: seconds)
  }

  /// Starts the program and goes on; see `run`.
  static func start(
    _ arguments: [String], ranks: Int? = nil, on hosts: NetworkHosts? = nil, environment: [String: String] = [:],
    in folder: String? = nil
  ) throws -> Running {
    let trainer = try #require(path, "there is no program beside the tests: build with `swift build --build-tests`")
    let here = ranks.map { ["mpirun", "-q", "-n", "\($0)", "--oversubscribe", "--bind-to", "none"] }
    let launcher = hosts.map { $0.launcher(ranks: ranks ?? 1) } ?? here
    return try start(command: (launcher ?? []) + [trainer] + arguments, environment: environment, in: folder)
  }

  /// Starts any command, whose first word is a path or a name on the PATH.
  static func start(
    command: [String], environment: [String: String] = [:], in folder: String? = nil
  ) throws -> Running {
    let process = Process(), isPath = command[0].hasPrefix("/")
    process.executableURL = URL(fileURLWithPath: isPath ? command[0] : "/usr/bin/env")
    process.arguments = Array(isPath ? command.dropFirst() : command[...])
    process.environment = ownEnvironment.merging(environment) { $1 }
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    return try Running(process)
  }

  /// The program while it runs.
  final class Running {
    private let process: Process
    private let scratch: URL
    private let ended = DispatchSemaphore(value: 0)
    var identifier: Int32 { process.processIdentifier }

    fileprivate init(_ process: Process) throws {
      self.process = process
      // Files, not pipes: nobody has to empty them while the program runs.
      scratch = FileManager.default.temporaryDirectory.appendingPathComponent("program-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
      for name in ["output", "errors"] { try Data().write(to: scratch.appendingPathComponent(name)) }
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = try FileHandle(forWritingTo: scratch.appendingPathComponent("output"))
      process.standardError = try FileHandle(forWritingTo: scratch.appendingPathComponent("errors"))
      process.terminationHandler = { [ended] _ in ended.signal() }
      // Threads of the test runner block signals, and a child begins with what its parent blocks.
      var none = sigset_t(), own = sigset_t()
      sigemptyset(&none)
      pthread_sigmask(SIG_SETMASK, &none, &own)
      defer { pthread_sigmask(SIG_SETMASK, &own, nil) }
      try process.run()
    }

    deinit {
      if process.isRunning { send(SIGKILL) }
      try? FileManager.default.removeItem(at: scratch)
    }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// The processes of the job's ranks, by rank, as mpirun started them.
    func ranks() throws -> [Int32] {
      let children = try String(contentsOfFile: "/proc/\(identifier)/task/\(identifier)/children", encoding: .utf8)
      return children.split(separator: " ").compactMap { Int32($0) }.sorted()
    }

    /// Returns when `isReached`, or throws when the program ends or takes longer before it is.
    func wait(within seconds: Double = 60, until isReached: () -> Bool) throws {
      let end = Date(timeIntervalSinceNow: seconds)
      while !isReached() {
        try #require(process.isRunning && Date() < end, "the program did not come so far: \(text("errors"))")
        usleep(10_000)
      }
    }

    /// Waits for the end.
    /// - Parameter seconds: after which the program is killed.
    func end(within seconds: Double = 120) -> Ending {
      if ended.wait(timeout: .now() + seconds) == .timedOut {
        send(SIGKILL)
        ended.wait()
      }
      let signal: Int32 = process.terminationReason == .uncaughtSignal ? 128 : 0
      return Ending(code: signal + process.terminationStatus, output: text("output"), errors: text("errors"))
    }

    private func text(_ name: String) -> String {
      String(decoding: (try? Data(contentsOf: scratch.appendingPathComponent(name))) ?? Data(), as: UTF8.self)
    }
  }

  /// This process's environment without what makes a process one of a job's ranks.
  private static let ownEnvironment = ProcessInfo.processInfo.environment
    .filter { key, _ in
      !["OMPI_COMM_", "OMPI_UNIVERSE_", "OMPI_APP_", "PMIX_", "PRTE_"].contains { key.hasPrefix($0) }
    }
    .merging(["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"]) { $1 }
}
