import ArgumentParser
import Foundation
import Parity

/// `trainer verify`: replays stored numbers of reference implementations.
struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Replay reference outputs, gradients and buffers, and print the errors.",
    discussion: """
      Example: trainer verify Tests/Fixtures/cbam/*.safetensors

      One line a file, in a folder each that it has; exit code 1 when any fails or is not supported yet.
      """)

  @Flag(help: "One JSON object a line.")
  var json = false

  @Argument(help: "Fixture files (.safetensors), or folders of them.")
  var files: [String]

  func run() throws {
    try Job.start { job in
      guard job.communicator.rank == 0 else { return .success }
      var isGood = true
      for file in try files.flatMap(Self.files) {
        let result = ParityCheck.run(path: file)
        print(json ? try result.json() : result.line)
        isGood = isGood && result.status == .pass
      }
      return isGood ? .success : .failure
    }
  }

  /// The path itself, or the fixtures of the folder that it is, by name.
  private static func files(at path: String) throws -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else { return [path] }
    let names = try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".safetensors") }
    guard !names.isEmpty else { throw ValidationError("\(path): no .safetensors file in this folder") }
    return names.sorted().map { path + "/" + $0 }
  }
}
