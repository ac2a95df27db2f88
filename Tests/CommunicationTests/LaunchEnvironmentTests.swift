import Communication
import Foundation
import Testing

@Suite struct LaunchEnvironmentTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var variables: [String: String]
    var rank = 0
    var size: Int
    var sentence: String?
  }

  static let cases = [
    Case(testDescription: "no launcher", variables: [:], size: 1),
    Case(testDescription: "mpirun", variables: ["OMPI_COMM_WORLD_SIZE": "4"], rank: 2, size: 4),
    Case(
      testDescription: "mpirun in a matching allocation",
      variables: ["OMPI_COMM_WORLD_SIZE": "4", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"], rank: 2, size: 4),
    Case(
      testDescription: "mpirun in an allocation for more",
      variables: ["OMPI_COMM_WORLD_SIZE": "2", "SLURM_NTASKS": "8"], size: 2,
      sentence: "Slurm reserved 8 tasks (SLURM_NTASKS) but MPI started 2 ranks"),
    Case(
      testDescription: "mpirun's daemons are a step of their own",
      variables: ["OMPI_COMM_WORLD_SIZE": "8", "SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS": "2", "SLURM_PROCID": "1"],
      rank: 5, size: 8),
    Case(
      testDescription: "srun without an MPI plug-in",
      variables: ["SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"], size: 1,
      sentence: "Slurm started 4 tasks (SLURM_STEP_NUM_TASKS) but MPI knows of 1"),
    Case(
      testDescription: "srun with a plug-in",
      variables: ["PMIX_RANK": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"], rank: 3, size: 4),
    Case(
      testDescription: "srun that numbers otherwise",
      variables: ["PMIX_RANK": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "1"], rank: 3, size: 4,
      sentence: "task 1 (SLURM_PROCID) but MPI calls it rank 3"),
    Case(testDescription: "one process inside an allocation", variables: ["SLURM_NTASKS": "8"], size: 1),
  ]

  @Test(arguments: cases)
  func slurmIsComparedWithMPI(_ row: Case) throws {
    var sentence: String?
    do {
      try LaunchEnvironment(row.variables).checkSlurm(rank: row.rank, size: row.size)
    } catch {
      sentence = "\(error)"
    }
    if let expected = row.sentence {
      #expect(sentence?.contains(expected) == true, "\(sentence ?? "no error")")
    } else {
      #expect(sentence == nil)
    }
  }

  @Test func aSingleProcessStaysClearOfMPI() throws {
    try #expect(LaunchEnvironment([:]).makeCommunicator() is SoloCommunicator)
    try #expect(LaunchEnvironment(["OMPI_COMM_WORLD_SIZE": "1"]).makeCommunicator() is SoloCommunicator)
    #expect(!LaunchEnvironment(["HOME": "/root"]).isUnderMPI)
    #expect(LaunchEnvironment(["PMI_SIZE": "2"]).isUnderMPI)
  }

  @Test func `A terminal that mpirun made is none unless mpirun writes to one`() {
    let alone = LaunchEnvironment([:]), rank = LaunchEnvironment(["OMPI_COMM_WORLD_SIZE": "2"])
    #expect(alone.showsOutputOnTerminal(isTerminal: true, launcherOutput: "pipe:[12]"))
    #expect(!alone.showsOutputOnTerminal(isTerminal: false, launcherOutput: "/dev/pts/1"))
    #expect(rank.showsOutputOnTerminal(isTerminal: true, launcherOutput: "/dev/pts/1"))
    #expect(rank.showsOutputOnTerminal(isTerminal: true, launcherOutput: "/dev/tty1"))
    #expect(!rank.showsOutputOnTerminal(isTerminal: true, launcherOutput: "pipe:[12]"))
    #expect(!rank.showsOutputOnTerminal(isTerminal: true, launcherOutput: "/home/user/log.txt"))
    #expect(!rank.showsOutputOnTerminal(isTerminal: true, launcherOutput: nil))
    #expect(!rank.showsOutputOnTerminal(isTerminal: false, launcherOutput: "/dev/pts/1"))
  }

  @Test func theEndOfAnAllocationIsSlurms() {
    #expect(LaunchEnvironment(["SLURM_JOB_END_TIME": "1790000000"]).allocationEnd?.timeIntervalSince1970 == 1_790_000_000)
    #expect(LaunchEnvironment(["SLURM_JOB_END_TIME": "soon"]).allocationEnd == nil)
    #expect(LaunchEnvironment([:]).allocationEnd == nil)
  }
}
