import Foundation

/// How many mutations a reader took and how many it refused.
public struct FuzzTally: Sendable {
  public var accepted = 0
  public var refused = 0
}

/// What a reader did to a mutation beside taking or refusing it; the number makes the same bytes again.
public struct FuzzFailure: Error, CustomStringConvertible {
  public let description: String

  public init(description: String) { self.description = description }
}

/// Gives `count` mutations to a reader, which must return or throw a `Refusal` that is one sentence.
///
/// A crash ends the tests with a line that names format and number, and so does a mutation that takes longer than
/// `seconds`. `FUZZ_NUMBER=17` in the environment tries that one alone.
/// - Throws: `FuzzFailure` for any other error, and for a refusal that is no sentence.
@discardableResult
public func fuzz<Refusal: Error>(
  _ mutator: Mutator, count: Int = 10_000, refusal: Refusal.Type, secondsEach seconds: Double = 30,
  reader: (_ bytes: [UInt8], _ number: Int) throws -> Void
) throws -> FuzzTally {
  let only = ProcessInfo.processInfo.environment["FUZZ_NUMBER"].flatMap { Int($0) }
  let watch = FuzzWatch(mutator.format, seconds: seconds)
  defer { watch.end() }
  var tally = FuzzTally()
  for number in only.map({ $0..<$0 + 1 }) ?? 0..<count {
    watch.begin(number)
    do {
      try reader(mutator.mutation(number), number)
      tally.accepted += 1
    } catch let error as Refusal {
      let sentence = "\(error)"
      guard (1...2000).contains(sentence.utf8.count), !sentence.contains("\n") else {
        throw FuzzFailure(
          description: "\(mutator.format), mutation \(number): not one sentence of at most 2000 bytes: "
            + "\(sentence.utf8.count) bytes: \(sentence.prefix(300))")
      }
      tally.refused += 1
    } catch {
      throw FuzzFailure(description: "\(mutator.format), mutation \(number): \(type(of: error)): \(error)")
    }
  }
  return tally
}

/// Says which mutation a reader hung or crashed in.
private final class FuzzWatch: @unchecked Sendable {
  private let format: String
  private let lock = NSLock()
  private var number = 0
  private var began = Date()
  private var isOver = false
  private let slot: Int

  init(_ format: String, seconds: Double) {
    self.format = format
    slot = CrashNote.take(format)
    Thread.detachNewThread { [self] in
      while true {
        usleep(200_000)
        let (number, took, isOver) = lock.withLock { (self.number, -began.timeIntervalSinceNow, self.isOver) }
        if isOver { return }
        if took > seconds { fatalError("\(format), mutation \(number) takes more than \(seconds) s") }
      }
    }
  }

  func begin(_ number: Int) {
    CrashNote.numbers[slot] = number
    lock.withLock {
      self.number = number
      began = Date()
    }
  }

  func end() {
    CrashNote.numbers[slot] = -1
    lock.withLock { isOver = true }
  }
}

/// Writes the mutations under way to the standard error when a signal ends the process.
private enum CrashNote {
  private static let places = 64
  nonisolated(unsafe) static let numbers: UnsafeMutablePointer<Int> = {
    let numbers = UnsafeMutablePointer<Int>.allocate(capacity: places)
    numbers.initialize(repeating: -1, count: places)
    return numbers
  }()
  nonisolated(unsafe) private static let names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = {
    let names = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: places)
    names.initialize(repeating: nil, count: places)
    return names
  }()
  private static let lock = NSLock()
  nonisolated(unsafe) private static var taken = 0

  /// A place of a test's own among `numbers`.
  static func take(_ format: String) -> Int {
    lock.withLock {
      precondition(taken < places, "more than \(places) fuzz tests")
      if taken == 0 { install() }
      names[taken] = strdup("crashed during \(format), mutation ")
      taken += 1
      return taken - 1
    }
  }

  private static func install() {
    for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT] {
      signal(number) { number in
        for place in 0..<CrashNote.places where CrashNote.numbers[place] >= 0 {
          guard let name = CrashNote.names[place] else { continue }
          write(2, name, strlen(name))
          CrashNote.writeDigits(CrashNote.numbers[place])
          write(2, "\n", 1)
        }
        // The instruction is tried again, or the signal sent again, and now ends the process as it would have.
        signal(number, SIG_DFL)
        raise(number)
      }
    }
  }

  /// Without memory of its own, as a signal handler must.
  private static func writeDigits(_ number: Int) {
    var power = 1
    while number / power >= 10 { power *= 10 }
    while power > 0 {
      var digit = UInt8(48 + number / power % 10)
      write(2, &digit, 1)
      power /= 10
    }
  }
}
