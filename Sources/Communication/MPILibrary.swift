import COpenMPI
import Glibc
import Synchronization

/// The MPI library of this process: started and ended once.
enum MPILibrary {
  private static let isStarted = Atomic<Bool>(false)

  /// Starts MPI for one thread at a time, or throws what the library says.
  static func start() throws {
    var isInitialised: Int32 = 0
    MPI_Initialized(&isInitialised)
    if isInitialised != 0 { return }
    var provided: Int32 = 0
    try check(MPI_Init_thread(nil, nil, Int32(MPI_THREAD_SERIALIZED), &provided), "starting MPI", rank: 0)
    isStarted.store(true, ordering: .relaxed)
    try check(openmpi_return_errors(openmpi_world()), "starting MPI", rank: 0)
    guard provided >= Int32(MPI_THREAD_SERIALIZED) else {
      let message = "this MPI library allows threads to level \(provided) only, MPI_THREAD_SERIALIZED is needed"
      throw CommunicationError(
        collective: "starting MPI", rank: 0, host: currentHostName(), cause: .library(message: message))
    }
  }

  /// Ends MPI, if this process started it. Collective; nothing of MPI may be used afterwards.
  static func finish() {
    guard isStarted.exchange(false, ordering: .relaxed) else { return }
    MPI_Finalize()
  }

  /// What the library calls itself, such as `Open MPI v4.1.6, package: …`; may be asked before it is started.
  static var version: String {
    var text = [CChar](repeating: 0, count: Int(MPI_MAX_LIBRARY_VERSION_STRING) + 1)
    var length: Int32 = 0
    guard MPI_Get_library_version(&text, &length) == MPI_SUCCESS else { return "unknown" }
    return String(decoding: text.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  static func check(_ code: Int32, _ collective: String, rank: Int) throws {
    guard code != MPI_SUCCESS else { return }
    throw CommunicationError(
      collective: collective, rank: rank, host: currentHostName(), cause: .library(message: message(of: code)))
  }

  private static func message(of code: Int32) -> String {
    var text = [CChar](repeating: 0, count: Int(MPI_MAX_ERROR_STRING) + 1)
    var length: Int32 = 0
    guard MPI_Error_string(code, &text, &length) == MPI_SUCCESS else { return "MPI error \(code)" }
    return String(decoding: text.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
