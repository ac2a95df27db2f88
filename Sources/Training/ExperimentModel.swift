import Configuration
import Datasets
import Layers
import Tasks

/// What a run file trains and what for, without the data: they only say how many classes there are.
public struct ExperimentModel {
  public let network: any Module
  public let task: any TrainingTask
  /// How the samples of a batch are mixed with each other in training.
  public let mixing: Mixing?
  /// Whether batch norms take their statistics over the samples of all replicas.
  public let synchronizesNorms: Bool

  /// What a fresh run's parameters start from, beside their initialisers.
  public let startingWeights: StartingWeights?

  /// Reads the sections `model` and `task`, and what of `data` changes the task.
  /// - Parameter classesOfData: the classes of the data set; `model.classes` may be more, not fewer.
  /// - Throws: `ConfigError`.
  public init(_ file: RunFile, classesOfData: Int, makeNetwork: Experiment.MakeNetwork) throws {
    let model = try file.section("model")
    let classes = try model.int("classes", default: classesOfData, in: 1...1_000_000)
    guard classes >= classesOfData else {
      throw model.error("classes", "is \(classes), but the data set has \(classesOfData) classes")
    }
    synchronizesNorms =
      try model.choice("batch_norm", among: ["per_replica", "synchronized"], default: "per_replica") == "synchronized"
    startingWeights = try StartingWeights(model)
    network = try makeNetwork(model, classes)
    let task = try TaskCatalog.task(try file.section("task")), data = try file.section("data")
    mixing = try Mixing.read(data)
    guard let trained = mixing == nil ? task : task.onMixedLabels else {
      throw data.error("mix", "mixes labels of classes, and the task \(task.name) has none")
    }
    self.task = trained
  }
}
