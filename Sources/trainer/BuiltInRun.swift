/// The run of a program started without arguments: the text of `configs/quickstart.yaml`, which a test holds equal to
/// it, so that the program runs from any folder.
enum BuiltInRun {
  static let text = """
    # Command   launch/quickstart, or: mpirun -n 4 trainer
    # Hardware  two cores or more, 1 GB of memory; scenes are drawn as they are needed, nothing is downloaded
    # Time      about a minute; measured: 82 s on two cores that were busy with other work (AMD Zen 5)
    # Metric    top-1 far above the chance of one in ten; measured: 98.8 %

    model:
      name: resnet20
      attention: cbam

    data:
      name: scenes
      image_size: 32
      batch: 64

    task: {name: classification}

    optimizer:
      name: sgd
      learning_rate: 0.1
      base_batch: 64
      momentum: 0.9
      nesterov: true
      weight_decay: 5e-4

    schedule:
      name: cosine
      warmup: 10 %

    run:
      epochs: 8
      seed: 0

    """
}
