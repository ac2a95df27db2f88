import Communication

/// What every rank has to do by itself before the first collective, and cannot: read the data, make the network.
///
/// A mistake that all ranks come upon is one sentence. What fails on some alone, such as a folder that one machine
/// lacks, is told with the ranks, and ends all of them.
struct JointFailure: Error, SharedByAllRanks, CustomStringConvertible {
  let description: String
  let exit: ProgramExit

  /// Runs `body`, whose result is handed out when no rank has failed. All ranks call this together.
  static func catching<Result>(on communicator: any Communicator, _ body: () throws -> Result) throws -> Result {
    let result: Swift.Result<Result, any Error> = Swift.Result(catching: body)
    var own: [UInt8] = []
    if case .failure(let error) = result { own = [UInt8(ProgramExit(error).rawValue)] + Array("\(error)".utf8) }
    let all = try communicator.allGather("preparation", own)
    let failed = all.indices.filter { !all[$0].isEmpty }
    guard let first = failed.first else { return try result.get() }
    let sentence = String(decoding: all[first].dropFirst(), as: UTF8.self)
    let others = failed.count == 1 ? "" : ", and \(failed.count - 1) more ranks"
    throw JointFailure(
      description: all.allSatisfy { $0 == all[first] }
        ? sentence : "rank \(first) (\(communicator.hostNames[first])): \(sentence)\(others)",
      exit: ProgramExit(rawValue: Int32(all[first][0])) ?? .failure)
  }
}
