import Communication
import Compute
import Foundation

/// What must be alike on every rank before the first step.
///
/// Ranks that run another plan, run file or build would meet in the wrong collectives or train another network; the job
/// ends with a sentence instead.
public struct StartupAgreement: Sendable {
  /// What is compared, each with a number that two ranks share only when theirs is the same.
  public var items: [(name: String, fingerprint: UInt64)]

  /// - Parameters:
  ///   - plan: `Plan.fingerprint`.
  ///   - runFile: the resolved text.
  ///   - build: identifies the program.
  ///   - parameters: paths and places of the state.
  public init(plan: UInt64, runFile: String, build: String, parameters: String) {
    items = [
      ("the program", RandomKey(0).appending(build).bits), ("the run file", RandomKey(0).appending(runFile).bits),
      ("the table of parameters", RandomKey(0).appending(parameters).bits), ("the plan", plan),
    ]
  }

  /// Compares with rank 0.
  /// - Throws: `StartupDisagreement` on every rank when one differs.
  public func check(_ communicator: any Communicator) throws {
    let own = items.flatMap { item in withUnsafeBytes(of: item.fingerprint.littleEndian, Array.init) }
    let all = try communicator.allGather("start-up agreement", own)
    for (rank, theirs) in all.enumerated() where theirs != all[0] {
      let differing = items.indices.filter { theirs[8 * $0..<8 * $0 + 8] != all[0][8 * $0..<8 * $0 + 8] }
      throw StartupDisagreement(
        rank: rank, host: communicator.hostNames[rank], items: differing.map { items[$0].name },
        firstHost: communicator.hostNames[0])
    }
  }
}

/// A rank that would not do what rank 0 does.
public struct StartupDisagreement: Error, Hashable, Sendable, CustomStringConvertible {
  public let rank: Int
  public let host: String
  public let items: [String]
  public let firstHost: String

  public var description: String {
    "rank \(rank) (\(host)) and rank 0 (\(firstHost)) differ in \(items.joined(separator: " and ")): "
      + "start all ranks from the same build and run file"
  }
}
