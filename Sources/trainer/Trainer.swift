import ArgumentParser

/// The program: run file in, trained weights out. One file for each subcommand.
@main
struct Trainer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trainer",
    abstract: "Trains visual attention networks on CPU machines and clusters.",
    discussion: """
      Without arguments it trains a small network on built-in scenes. Under mpirun every rank takes its share:

        mpirun -n 4 trainer
        mpirun -n 4 trainer train configs/classification/resnet20-cbam_cifar10.yaml data.root=DATA --output runs/first
        trainer train RUN.yaml --resume latest --debug

      A step whose loss is not finite, leaps, or is asked for (run.capture_step) is kept in the run's folder;
      `trainer replay CAPSULE` runs it alone and names the first bad layer, replica and sample.
      """,
    subcommands: [
      Train.self, Evaluate.self, Predict.self, Compare.self, Replay.self, Inspect.self, Models.self, Verify.self,
      Benchmark.self, Doctor.self, Checkpoint.self,
    ],
    defaultSubcommand: Train.self)
}
