import Configuration
import Datasets
import Graphs
import Pictures
import PyTorchArchives
import Safetensors
import Tasks
import Training

/// How the program ends, in the numbers of sysexits.h.
enum ProgramExit: Int32 {
  case success = 0
  /// A check failed, or something that has no number of its own.
  case failure = 1
  case usage = 64
  case data = 65
  case inputOutput = 74
  /// Stopped on request after saving: start again.
  case requeue = 75

  /// The end that an error leads to.
  init(_ error: any Error) {
    switch error {
    case is ConfigError, is MissingRunFile, is ReplicaError, is BatchScheduleError, is TraceError, is RunFolderError,
      is PipelineError, is MemoryBudgetError, is OneProcessOnly:
      self = .usage
    case let error as JointFailure:
      self = error.exit
    case let error as StartError:
      self = ProgramExit(rawValue: error.exitCode) ?? .data
    case is DatasetError, is SafetensorsError, is ArchiveError, is CheckpointError, is WeightError,
      is TooManyBrokenSamples:
      self = .data
    case is ReportingError, is CheckpointWriteError, is PictureError, is OutputError:
      self = .inputOutput
    default:
      self = .failure
    }
  }
}

/// Errors that every rank comes upon alike, because all read the same text or hold the same numbers.
protocol SharedByAllRanks {}
extension ConfigError: SharedByAllRanks {}
extension ReplicaError: SharedByAllRanks {}
extension BatchScheduleError: SharedByAllRanks {}
extension TraceError: SharedByAllRanks {}
extension StartError: SharedByAllRanks {}
extension StartupDisagreement: SharedByAllRanks {}
extension LossError: SharedByAllRanks {}
