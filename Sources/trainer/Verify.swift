import ArgumentParser
import Foundation
import Parity

/// `trainer verify`: replays stored numbers of reference implementations.
struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Replay reference outputs, gradients and buffers, and print the errors.",
    discussion: """
      Example: trainer verify Tests/Fixtures/cbam/*.safetensors

      One line a file; exit code 1 when any fails or is not supported yet.
      """)

  @Flag(help: "One JSON object a line.")
  var json = false

  @Argument(help: "Fixture files (.safetensors).")
  var files: [String]

  func run() throws {
    try Job.start { job in
      guard job.communicator.rank == 0 else { return .success }
      var isGood = true
      for file in files {
        let result = ParityCheck.run(path: file)
        print(json ? try result.json() : result.line)
        isGood = isGood && result.status == .pass
      }
      return isGood ? .success : .failure
    }
  }
}
