import Foundation

/// What the environment says about how this process was started.
///
/// Rank and size come from MPI alone. Slurm's variables are only compared with them: a job step whose tasks do not know
/// of each other would otherwise run as many single-rank trainings over one output folder.
public struct LaunchEnvironment: Sendable {
  private let variables: [String: String]

  public init(_ variables: [String: String] = ProcessInfo.processInfo.environment) {
    self.variables = variables
  }

  /// True for a process started by `mpirun`, or by `srun` with an MPI plug-in.
  public var isUnderMPI: Bool {
    ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"].contains { variables[$0] != nil }
  }

  /// The number of ranks that the launcher announces, where it does so before MPI is started.
  public var announcedSize: Int? { number("OMPI_COMM_WORLD_SIZE") ?? number("PMI_SIZE") }

  /// When Slurm takes the machines away, where it says so (`SLURM_JOB_END_TIME`, seconds since 1970).
  public var allocationEnd: Date? {
    variables["SLURM_JOB_END_TIME"].flatMap { Double($0) }.map { Date(timeIntervalSince1970: $0) }
  }

  /// Whether somebody watches the standard output on a terminal.
  ///
  /// Under mpirun each process writes to a terminal that mpirun made for it: what counts is where mpirun itself writes.
  public var showsOutputOnTerminal: Bool {
    showsOutputOnTerminal(
      isTerminal: isatty(STDOUT_FILENO) == 1,
      launcherOutput: try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(getppid())/fd/1"))
  }

  /// - Parameters:
  ///   - isTerminal: whether this process writes to a terminal.
  ///   - launcherOutput: where the process that started this one writes to; `nil` where that cannot be told.
  package func showsOutputOnTerminal(isTerminal: Bool, launcherOutput: String?) -> Bool {
    guard isTerminal, isUnderMPI else { return isTerminal }
    return ["/dev/pts/", "/dev/tty", "/dev/console"].contains { launcherOutput?.hasPrefix($0) ?? false }
  }

  /// Joins the job that this process was started in; alone, MPI is not even started.
  ///
  /// Throws when Slurm's numbers contradict MPI's.
  /// - Parameter say: shows a line to whoever looks at the job.
  public func makeCommunicator(say: @escaping @Sendable (String) -> Void = { _ in }) throws -> any Communicator {
    let communicator: any Communicator =
      isUnderMPI && announcedSize != 1 ? try MPICommunicator.world(say: say) : SoloCommunicator()
    try checkSlurm(rank: communicator.rank, size: communicator.size)
    return communicator
  }

  /// Throws when Slurm's variables contradict the rank and size that MPI found.
  public func checkSlurm(rank: Int, size: Int) throws {
    if let tasks = number("SLURM_STEP_NUM_TASKS") {
      // Under mpirun the step is that of its daemons, one for each host: it says nothing about ranks.
      if variables["OMPI_COMM_WORLD_SIZE"] != nil { return }
      guard tasks == size else {
        throw LaunchError.sizesDiffer(variable: "SLURM_STEP_NUM_TASKS", slurm: tasks, mpi: size)
      }
      if let task = number("SLURM_PROCID"), task != rank {
        throw LaunchError.ranksDiffer(slurm: task, mpi: rank)
      }
    } else if isUnderMPI, let tasks = number("SLURM_NTASKS"), tasks != size {
      throw LaunchError.sizesDiffer(variable: "SLURM_NTASKS", slurm: tasks, mpi: size)
    }
  }

  private func number(_ name: String) -> Int? { variables[name].flatMap { Int($0) } }
}

/// Slurm and MPI disagree about the job.
public enum LaunchError: Error, Equatable, CustomStringConvertible {
  case sizesDiffer(variable: String, slurm: Int, mpi: Int)
  case ranksDiffer(slurm: Int, mpi: Int)

  public var description: String {
    switch self {
    case .sizesDiffer("SLURM_STEP_NUM_TASKS", let slurm, let mpi):
      """
      Slurm started \(slurm) tasks (SLURM_STEP_NUM_TASKS) but MPI knows of \(mpi): start with `mpirun`, \
      or with `srun --mpi=` and a plug-in that `srun --mpi=list` names
      """
    case .sizesDiffer(let variable, let slurm, let mpi):
      """
      Slurm reserved \(slurm) tasks (\(variable)) but MPI started \(mpi) ranks: start with `mpirun -n \(slurm)`, \
      or unset \(variable) if \(mpi) are meant
      """
    case .ranksDiffer(let slurm, let mpi):
      "Slurm calls this process task \(slurm) (SLURM_PROCID) but MPI calls it rank \(mpi)"
    }
  }
}
