// C declares `stdout` as a variable.
@preconcurrency import Glibc

/// Writes text to one of the standard streams. What the stream does not take is lost: a log on a full disk must not end
/// the training that it tells of (`FileHandle.write` would).
func show(_ text: String, on stream: Int32) {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { Glibc.write(stream, $0.baseAddress, $0.count) }
    if count < 0 && errno == EINTR { continue }
    guard count > 0 else { return }
    rest = rest.dropFirst(count)
  }
}

/// Results that the standard output did not take.
struct OutputError: Error, CustomStringConvertible {
  /// The system's error number, where it is still known.
  let code: Int32

  /// Writes what `print` still holds, as it does when it does not write to a terminal.
  /// - Returns: an error when that, or anything printed before, was refused.
  static func found() -> OutputError? {
    errno = 0
    // A text longer than the buffer was refused at once, which only the stream still knows.
    return fflush(nil) == 0 && ferror(stdout) == 0 ? nil : OutputError(code: errno)
  }

  var description: String {
    "the standard output does not take the results" + (code == 0 ? "" : ": \(String(cString: strerror(code)))")
  }
}
