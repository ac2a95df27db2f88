import CProcessor
import Glibc

/// The threads of one rank: persistent, started once, the caller being the first of them.
///
/// A region is entered by all workers at once and each runs the same code on its own tiles, so that a whole plan is one
/// region: nothing is dispatched, allocated or captured per operator.
/// ```swift
/// team.run { worker in
///   for row in worker.tiles(rows) { … }      // each row goes to exactly one worker
///   worker.barrier()                          // all rows are done
/// }
/// ```
/// Workers run with denormals flushed to zero: they slow a converging training down many times over. They may have a
/// processor each, which keeps the scheduler from putting two of them on one while another idles.
public final class WorkerTeam: @unchecked Sendable {
  /// The number of workers, the caller included.
  public let count: Int
  /// The processor of each worker; `nil` where they go wherever the system puts them.
  public let processors: [Int]?
  private let gate = Gate()
  private let workers: [Worker]
  private var threads: [pthread_t] = []

  /// - Parameter processors: one for each worker. The caller is on the first within a region only, so that the threads
  ///   it starts outside are free to run elsewhere.
  public init(count: Int, processors: [Int]? = nil) {
    precondition(count > 0, "a team of \(count) workers")
    precondition(processors == nil || processors!.count == count, "\(count) workers on processors \(processors!)")
    self.count = count
    self.processors = processors
    let shared = TeamState(count: count)
    workers = (0..<count).map { Worker(index: $0, shared: shared) }
    threads = workers.dropFirst().map { Self.start($0, gate, processors?[$0.index]) }
  }

  deinit {
    gate.close()
    for thread in threads { pthread_join(thread, nil) }
  }

  /// Runs `body` on every worker at once and returns when all are through. Not to be nested, one caller at a time.
  public func run(_ body: @escaping (Worker) -> Void) {
    // Left alone, OpenBLAS has threads of its own in every worker. Said at every region, because the setting belongs to the
    // whole process and others may change it.
    Processor.confineBLAS()
    let mode = FloatingPointMode.flushToZero()
    let before = processors.map { processor_enter(Int32($0[0])) }
    if count > 1 { gate.open(for: body) }
    body(workers[0])
    workers[0].barrier()
    if let before { processor_leave(before) }
    mode.restore()
  }

  private static func start(_ worker: Worker, _ gate: Gate, _ processor: Int?) -> pthread_t {
    final class Start {
      let worker: Worker, gate: Gate, processor: Int?
      init(_ worker: Worker, _ gate: Gate, _ processor: Int?) {
        (self.worker, self.gate, self.processor) = (worker, gate, processor)
      }
    }
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { raw in
        let start = Unmanaged<Start>.fromOpaque(raw!).takeRetainedValue()
        FloatingPointMode.flushToZero()
        if let processor = start.processor { Processor.confine(to: [processor]) }
        var seen = 0
        while let body = start.gate.next(after: &seen) {
          body(start.worker)
          start.worker.barrier()
        }
        return nil
      }, Unmanaged.passRetained(Start(worker, gate, processor)).toOpaque())
    precondition(code == 0, "pthread_create failed with \(code)")
    return thread
  }
}

/// Where workers wait for the next region.
private final class Gate: @unchecked Sendable {
  private let lock = Lock()
  private var region: ((Worker) -> Void)?
  private var generation = 0
  private var isClosed = false

  func open(for body: @escaping (Worker) -> Void) {
    lock.withLock {
      region = body
      generation += 1
      lock.broadcast()
    }
  }

  func close() {
    lock.withLock {
      isClosed = true
      lock.broadcast()
    }
  }

  /// The next region, or `nil` when the team is dissolved.
  func next(after seen: inout Int) -> ((Worker) -> Void)? {
    lock.lock()
    defer { lock.unlock() }
    while generation == seen && !isClosed { lock.wait() }
    if isClosed { return nil }
    seen = generation
    return region
  }
}
