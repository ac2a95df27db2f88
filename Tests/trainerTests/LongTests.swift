import Foundation
import Testing

/// Tests that take minutes: `TRAINER_LONG_TESTS=1 launch/test --filter Long` runs them.
enum LongTests {
  static let areWanted = ProcessInfo.processInfo.environment["TRAINER_LONG_TESTS"] == "1"
  static let data = ProcessInfo.processInfo.environment["TRAINER_DATA"]
}
