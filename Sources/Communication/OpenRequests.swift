import COpenMPI

/// The messages of one rank that are under way, each in a place of its own.
final class OpenRequests {
  enum Place {
    case headerIn, headerOut
    case reduction
    /// Pieces of a payload, below `MessageFlow.depth`.
    case payloadIn(Int), payloadOut(Int)

    fileprivate var index: Int {
      switch self {
      case .headerIn: 0
      case .headerOut: 1
      case .reduction: 2
      case .payloadIn(let piece): 3 + piece
      case .payloadOut(let piece): 3 + MessageFlow.depth + piece
      }
    }

    fileprivate static var count: Int { 3 + 2 * MessageFlow.depth }

    /// Headers have a tag of their own, so that a payload of another size is never taken for one.
    fileprivate var tag: Int32 {
      switch self {
      case .headerIn, .headerOut: 1
      case .reduction, .payloadIn, .payloadOut: 2
      }
    }
  }

  private let handle: MPI_Comm
  private let rank: Int
  private let requests: UnsafeMutableBufferPointer<MPI_Request?>

  init(_ handle: MPI_Comm, rank: Int) {
    (self.handle, self.rank) = (handle, rank)
    requests = .allocate(capacity: Place.count)
    requests.initialize(repeating: openmpi_no_request())
  }

  deinit { requests.deallocate() }

  func send(_ name: String, _ bytes: UnsafeRawBufferPointer, to peer: Int, _ place: Place) throws {
    try start(name, place) {
      openmpi_send(bytes.baseAddress, Int32(bytes.count), Int32(peer), place.tag, handle, $0)
    }
  }

  func receive(_ name: String, _ bytes: UnsafeMutableRawBufferPointer, from peer: Int, _ place: Place) throws {
    try start(name, place) {
      openmpi_receive(bytes.baseAddress, Int32(bytes.count), Int32(peer), place.tag, handle, $0)
    }
  }

  /// Begins what `body` asks the library for; throws where that returns an error.
  func start(_ name: String, _ place: Place, _ body: (UnsafeMutablePointer<MPI_Request?>) -> Int32) throws {
    try MPILibrary.check(body(request(place.index)), name, rank: rank)
  }

  /// Whether a request has come to its end; true where none was made.
  func isDone(_ name: String, _ place: Place) throws -> Bool {
    let request = request(place.index)
    guard request.pointee != openmpi_no_request() else { return true }
    var done: Int32 = 0
    try MPILibrary.check(openmpi_test(request, &done), name, rank: rank)
    return done != 0
  }

  /// Withdraws what is still under way when `body` throws, so that nothing is written into memory that is let go.
  func cancellingOnError(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch {
      for index in requests.indices where requests[index] != openmpi_no_request() {
        MPI_Cancel(request(index))
        MPI_Request_free(request(index))
        requests[index] = openmpi_no_request()
      }
      throw error
    }
  }

  private func request(_ index: Int) -> UnsafeMutablePointer<MPI_Request?> { requests.baseAddress! + index }
}
