import Communication
import Foundation
import Testing

/// The suites that run in worlds of several ranks.
///
/// Started plainly, each test runs in worlds of 1, 2, 3 and 4 ranks inside this process. Started by `mpirun`, it runs
/// once, on the ranks of that job. One after the other, because all ranks must meet in the same test.
@Suite(.serialized) enum InWorlds {
  static let isUnderMPI = LaunchEnvironment().isUnderMPI

  private static let job: MPICommunicator? = {
    guard isUnderMPI else { return nil }
    atexit { MPICommunicator.finish() }
    return try! MPICommunicator.world()
  }()

  /// Runs `body` on every rank of the worlds with `sizes`, or of the MPI job if it has one of these sizes.
  static func run(
    sizes: [Int] = [1, 2, 3, 4], messageLimit: Int = 1 << 30, _ body: @Sendable (any Communicator) throws -> Void
  ) throws {
    guard let job else {
      for size in sizes { _ = try InProcessWorld.run(size: size, deadline: .seconds(20), body) }
      return
    }
    guard sizes.contains(job.size) else { return }
    // A test may leave messages behind that nobody takes: each has its own.
    let communicator = try job.duplicate(messageLimit: messageLimit)
    communicator.deadline = .seconds(20)
    try body(communicator)
  }

  /// Runs `body`, which must fail on at least one rank with an error whose description satisfies `isExpected`.
  ///
  /// Inside one process that is the first error; under MPI every rank has its own.
  static func runFailing(
    sizes: [Int], _ body: @escaping @Sendable (any Communicator) throws -> Void, _ isExpected: (String) -> Bool
  ) throws {
    for size in sizes where job == nil || job?.size == size {
      var sentence: String?
      do {
        try run(sizes: [size], body)
      } catch {
        sentence = "\(error)"
      }
      if let sentence { #expect(isExpected(sentence), "\(sentence)") }
      if let job {
        let failures = try job.allReduce("failures", sentence == nil ? 0 : 1, .sum)
        #expect(failures > 0)
      } else {
        #expect(sentence != nil)
      }
    }
  }
}

/// Numbers whose sum depends on the order of adding: spread over many magnitudes, and the same on every machine.
func unruly(_ count: Int, rank: Int) -> [Float] {
  (0..<count).map { index in
    var bits = UInt64(truncatingIfNeeded: index &* 2_654_435_761 &+ rank &* 40_503 &+ 12_345)
    bits ^= bits >> 13
    bits &*= 0x9E37_79B9_7F4A_7C15
    bits ^= bits >> 29
    let magnitude = Float(sign: .plus, exponent: Int(bits % 24) - 12, significand: 1)
    return (Float(bits >> 40) / Float(1 << 24) - 0.5) * magnitude
  }
}

func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }
