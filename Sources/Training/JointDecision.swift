import Communication
import Foundation

/// What rank 0 finds out for everybody: it alone looks at the disk, and an error of its own reaches all ranks as the
/// same error.
private struct JointDecision<Value: Codable>: Codable {
  var value: Value?
  var error: StartError?
}

extension Communicator {
  /// The result of `body`, which rank 0 runs; all ranks call this together.
  /// - Parameter name: what the collective is called in reports.
  /// - Throws: `StartError` on every rank when `body` throws on rank 0.
  func decidedByFirst<Value: Codable>(_ name: String, _ body: () throws -> Value) throws -> Value {
    var message = Data()
    if rank == 0 {
      var decision = JointDecision<Value>()
      do { decision.value = try body() } catch { decision.error = StartError(error) }
      message = try JSONEncoder().encode(decision)
    }
    let bytes = try broadcast(name, Array(message))
    let decision = try JSONDecoder().decode(JointDecision<Value>.self, from: Data(bytes))
    guard let value = decision.value else {
      throw decision.error ?? StartError(description: "rank 0 found nothing for \(name)", exitCode: 65)
    }
    return value
  }
}

/// Why a run cannot start: found by rank 0, thrown on all.
public struct StartError: Error, Codable, Hashable, Sendable, CustomStringConvertible {
  public let description: String
  /// The exit code that goes with it.
  public let exitCode: Int32

  init(description: String, exitCode: Int32) {
    self.description = description
    self.exitCode = exitCode
  }

  init(_ error: any Error) {
    let exitCode: Int32 =
      switch error {
      case let error as RunFolderError: error.isDisk ? 74 : 64
      case is ComparisonError: 64
      case is ReportingError: 74
      default: 65
      }
    self.init(description: "\(error)", exitCode: exitCode)
  }
}
