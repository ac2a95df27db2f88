import COpenMPI
import Compute
import Glibc
import Synchronization

/// A thread with a body, waited for by `join`; the first call of `join` counts. Denormals are flushed to zero in it, as
/// in the workers: it adds up the same gradients.
final class JoinedThread: @unchecked Sendable {
  private final class Body {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }

  private var thread = pthread_t()
  private let isJoined = Atomic<Bool>(false)

  /// - Parameters:
  ///   - name: shown by debuggers and `top`; the first 15 bytes count.
  ///   - isPrompt: whether it often wakes up for a moment, for which threads that compute are to wait.
  init(name: String, isPrompt: Bool = false, _ run: @escaping () -> Void) {
    let body = Unmanaged.passRetained(
      Body {
        openmpi_name_thread(name)
        if isPrompt { openmpi_take_short_turns() }
        FloatingPointMode.flushToZero()
        run()
      })
    let status = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, body.toOpaque())
    precondition(status == 0, "cannot start thread \(name): error \(status)")
  }

  func join() {
    if !isJoined.exchange(true, ordering: .relaxed) { pthread_join(thread, nil) }
  }
}
