import Glibc

/// A mutex with a condition that can be waited for until a moment on the clock that never jumps.
final class Monitor: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Runs `body` alone. Inside it `wait` gives the mutex up for a while.
  func run<Result>(_ body: () throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Inside `run`: lets others in while `body` works on what only this thread may touch.
  func released(_ body: () -> Void) {
    pthread_mutex_unlock(mutex)
    body()
    pthread_mutex_lock(mutex)
  }

  /// Inside `run`: sleeps until a broadcast or until `moment`. Wakes without reason now and then.
  func wait(until moment: Moment? = nil) {
    guard let moment else {
      pthread_cond_wait(condition, mutex)
      return
    }
    var time = timespec(tv_sec: moment.nanoseconds / 1_000_000_000, tv_nsec: moment.nanoseconds % 1_000_000_000)
    pthread_cond_timedwait(condition, mutex, &time)
  }

  func broadcast() { pthread_cond_broadcast(condition) }
}

/// A point on the clock that never jumps, in nanoseconds from some moment before this process began.
public struct Moment: Sendable, Comparable {
  public var nanoseconds: Int

  public init(nanoseconds: Int) { self.nanoseconds = nanoseconds }

  public static var now: Moment {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Moment(nanoseconds: time.tv_sec * 1_000_000_000 + time.tv_nsec)
  }

  public static func < (a: Moment, b: Moment) -> Bool { a.nanoseconds < b.nanoseconds }

  /// The time from `start` to this moment.
  public func since(_ start: Moment) -> Duration { .nanoseconds(nanoseconds - start.nanoseconds) }

  func advanced(by duration: Duration) -> Moment { Moment(nanoseconds: nanoseconds + duration.wholeNanoseconds) }
}

extension Duration {
  var wholeNanoseconds: Int {
    let (seconds, attoseconds) = components
    return Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
  }
}
