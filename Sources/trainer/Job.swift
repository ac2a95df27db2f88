import ArgumentParser
import Communication
import Compute
import Configuration
import Foundation
import Safetensors
import Training

/// This process as one of a job's ranks: how it starts, what it reads, how it ends.
///
/// Every way out of the program passes here: a result is an exit code, an error is a sentence and an exit code, and
/// under mpirun an error on any rank ends the whole job.
struct Job {
  let communicator: any Communicator

  /// Starts the ranks, runs `body`, and ends the process.
  static func start(isDebugging: Bool = false, _ body: (Job) throws -> ProgramExit) throws -> Never {
    if let reason = Processor.unsupportedBuild { end(.failure, saying: reason) }
    Processor.confineBLAS()
    let environment = LaunchEnvironment()
    let communicator: any Communicator
    do {
      communicator = isDebugging ? SoloCommunicator() : try environment.makeCommunicator(say: write)
    } catch { end(.usage, saying: "\(error)") }
    let job = Job(communicator: communicator)
    let ranks = communicator as? MPICommunicator
    LastWords.install(
      as: ranks == nil ? "trainer" : "rank \(communicator.rank) (\(communicator.hostName))",
      farewell: ranks?.lastMessage)
    do {
      let result = try body(job)
      if communicator.size > 1 { MPICommunicator.finish() }
      end(result, saying: nil)
    } catch {
      job.fail(error)
    }
  }

  /// Says what went wrong and ends every rank.
  private func fail(_ thrown: any Error) -> Never {
    let step = (thrown as? StepFailure)?.step, error = (thrown as? StepFailure)?.cause ?? thrown
    let code = ProgramExit(error)
    // What every rank finds alike is said once, by rank 0.
    if error is SharedByAllRanks && communicator.size > 1 {
      (communicator as? MPICommunicator)?.leave()
      if communicator.rank != 0 { sleep(2) }
      Self.end(code, saying: communicator.rank == 0 ? "\(error)" : nil)
    }
    if communicator.size == 1 { Self.end(code, saying: "\(thrown)") }
    let report = FailureReport(error, on: communicator, step: step)
    report.end(communicator, code: code.rawValue)
    Self.end(code, saying: nil)
  }

  private static func end(_ code: ProgramExit, saying sentence: String?) -> Never {
    if let sentence { write("error: \(sentence)") }
    if let error = OutputError.found(), sentence == nil {
      write("error: \(error)")
      // A check that failed, or a run that goes on, is known by its own code.
      if code == .success { _exit(ProgramExit(error).rawValue) }
    }
    // Threads that still wait for ranks which have gone must not keep the process.
    _exit(code.rawValue)
  }

  @Sendable private static func write(_ line: String) { show(line + "\n", on: STDERR_FILENO) }

  /// The run file that `arguments` begins with (or the built-in one), with the settings that follow; read by rank 0
  /// alone.
  func runFile(_ arguments: [String]) throws -> RunFile {
    let (text, file, settings) = try runText(arguments)
    return try RunFile(text: text, file: file, overrides: settings)
  }

  /// The same unread: the text, what errors call it, and the settings.
  func runText(_ arguments: [String]) throws -> (text: String, file: String, settings: [String]) {
    let path = Self.file(in: arguments)
    let settings = arguments.dropFirst(path == nil ? 0 : 1)
    var text = Array(BuiltInRun.text.utf8)
    if let path, communicator.rank == 0 {
      guard let data = FileManager.default.contents(atPath: path) else { throw MissingRunFile(path: path) }
      text = Array(data)
    }
    text = try communicator.broadcast("run file", text)
    return (String(decoding: text, as: UTF8.self), path ?? "built-in run", Array(settings))
  }

  /// The run that the run file describes, on every rank, or an error that all of them share.
  func experiment(_ file: RunFile) throws -> Experiment {
    try JointFailure.catching(on: communicator) { try Experiment(file, makeNetwork: makeNetwork) }
  }

  /// The run file's name without its ending.
  func runName(_ arguments: [String]) -> String {
    Self.file(in: arguments).map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent } ?? "quickstart"
  }

  private static func file(in arguments: [String]) -> String? {
    arguments.first.flatMap { $0.contains("=") ? nil : $0 }
  }

  /// Identifies this program: ranks of different builds must not meet.
  var build: String { (try? Checksum.crc32(ofFile: "/proc/self/exe")).map { String($0) } ?? "unknown" }

  /// The progress line on this rank's terminal.
  /// - Parameters:
  ///   - interval: seconds between two lines where there is no terminal.
  ///   - isAside: whether it goes to the standard error, line by line, because a program reads the standard output.
  func progressLine(every interval: Double = 5, isAside: Bool = false) -> ProgressLine {
    let isWatched = !isAside && LaunchEnvironment().showsOutputOnTerminal
    return ProgressLine(isWatched ? .terminal(columns: terminalColumns) : .plain(intervalSeconds: interval)) {
      show($0, on: isAside ? STDERR_FILENO : STDOUT_FILENO)
    }
  }

  private func terminalColumns() -> Int {
    var size = winsize()
    return ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }
}

/// A run file that is not there.
struct MissingRunFile: Error, CustomStringConvertible {
  let path: String
  var description: String {
    // Whatever is no command is taken for a run file: a mistyped command ends here too.
    let commands = Trainer.configuration.subcommands.map { "\($0)".lowercased() }
    if !path.contains("."), !path.contains("/") {
      let nearest = nearestName(to: path, among: commands).map { "; did you mean '\($0)'?" }
      return "'\(path)' is neither a command nor a run file" + (nearest ?? "")
    }
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let near = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".yaml") }
    let nearest = nearestName(to: URL(fileURLWithPath: path).lastPathComponent, among: near)
    return "there is no readable run file \(path)" + (nearest.map { "; did you mean '\($0)'?" } ?? "")
  }
}
