import ArgumentParser

/// `trainer checkpoint`: what lies in checkpoints and files of weights.
struct Checkpoint: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show, compare, average and convert checkpoints and files of weights.",
    discussion: """
      Checkpoint folders of runs, safetensors, and .pth or .pt files of PyTorch are read, whatever they are called. A \
      .pth file is a program to Python; here nothing in it is run.
      """,
    subcommands: [CheckpointShow.self, CheckpointCompare.self, CheckpointAverage.self, CheckpointConvert.self])
}
