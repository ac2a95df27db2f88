import Glibc

/// What a process still says when a signal ends it: `error: rank 2 (node07), step 1200, in gradients,
/// layer3.1.conv2.conv2d: signal 11 (an address that is not its own)`.
///
/// A signal may come in the middle of anything, so what is said lies ready in memory that was taken before, and nothing is
/// called but `write`. The training says where it is as it goes.
public enum LastWords {
  private struct Memory {
    var who: UnsafeMutablePointer<UInt8>
    var place: UnsafeMutablePointer<UInt8>
    var whoCount = 0
    var placeCount = 0
    var step = 0
    /// The layer whose operator runs, a C string that outlives the run.
    var layer: UnsafePointer<CChar>?
    var farewell: UnsafeMutablePointer<UInt8>
    var farewellCount = 0
    var farewellDescriptor: Int32 = -1
  }

  private static let capacity = 256
  nonisolated(unsafe) private static let memory: UnsafeMutablePointer<Memory> = {
    let memory = UnsafeMutablePointer<Memory>.allocate(capacity: 1)
    memory.initialize(
      to: Memory(
        who: .allocate(capacity: capacity), place: .allocate(capacity: capacity),
        farewell: .allocate(capacity: capacity)))
    return memory
  }()

  /// The signals by which a broken program ends.
  private static let signals: [(number: Int32, meaning: StaticString)] = [
    (SIGSEGV, "an address that is not its own"), (SIGBUS, "memory that is not there: a mapped file cut short?"),
    (SIGILL, "a broken invariant, or an instruction that this processor lacks"),
    (SIGTRAP, "a broken invariant"), (SIGFPE, "a division by zero"), (SIGABRT, "a library gave up"),
  ]

  /// Speaks as `who` from now on.
  /// - Parameter farewell: bytes that are written to a descriptor after the sentence.
  public static func install(as who: String, farewell: (descriptor: Int32, bytes: [UInt8])? = nil) {
    memory.pointee.whoCount = fill(memory.pointee.who, who.utf8)
    memory.pointee.farewellCount = fill(memory.pointee.farewell, farewell?.bytes ?? [])
    memory.pointee.farewellDescriptor = farewell?.descriptor ?? -1
    for (number, _) in signals {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { LastWords.speak(of: $0) }
      // The handler runs once; then the signal does what it always does.
      action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | Int32(SA_NODEFER)
      sigaction(number, &action, nil)
    }
  }

  /// Notes what the process goes about.
  public static func enter(_ place: String, step: Int?) {
    memory.pointee.placeCount = fill(memory.pointee.place, place.utf8)
    memory.pointee.step = step ?? 0
    memory.pointee.layer = nil
  }

  /// Notes the layer whose operator runs.
  public static func enter(layer: UnsafePointer<CChar>?) { memory.pointee.layer = layer }

  private static func fill(_ target: UnsafeMutablePointer<UInt8>, _ bytes: some Sequence<UInt8>) -> Int {
    var count = 0
    for byte in bytes.prefix(capacity) {
      target[count] = byte
      count += 1
    }
    return count
  }

  private static func speak(of signal: Int32) {
    let words = memory.pointee
    say("error: ")
    say(words.who, words.whoCount)
    if words.step > 0 {
      say(", step ")
      say(number: words.step)
    }
    if words.placeCount > 0 {
      say(", in ")
      say(words.place, words.placeCount)
    }
    if let layer = words.layer {
      say(", ")
      layer.withMemoryRebound(to: UInt8.self, capacity: 1) { say($0, strlen(layer)) }
    }
    say(": signal ")
    say(number: Int(signal))
    for (number, meaning) in signals where number == signal {
      say(" (")
      say(meaning)
      say(")")
    }
    say("\n")
    if words.farewellDescriptor >= 0 { _ = write(words.farewellDescriptor, words.farewell, words.farewellCount) }
    raise(signal)
  }

  private static func say(_ text: StaticString) { say(text.utf8Start, text.utf8CodeUnitCount) }

  private static func say(_ bytes: UnsafePointer<UInt8>, _ count: Int) { _ = write(STDERR_FILENO, bytes, count) }

  private static func say(number: Int) {
    var rest = number, power = 1
    while power <= rest / 10 { power *= 10 }
    while power > 0 {
      var digit = UInt8(ascii: "0") + UInt8(rest / power)
      say(&digit, 1)
      rest %= power
      power /= 10
    }
  }
}
