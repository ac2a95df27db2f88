import Configuration
import Optimizers
import Testing

@Suite struct CatalogTests {
  private let length = ScheduleCatalog.RunLength(stepsPerEpoch: 10, runSteps: 100)

  @Test func everyOptimizerBuildsFromItsNameAlone() throws {
    for name in OptimizerCatalog.entries.keys {
      #expect(try OptimizerCatalog.optimizer(ConfigSection(named: name)).name == name)
    }
  }

  @Test func readsOptions() throws {
    let section = ConfigSection(["name": "sgd", "momentum": 0.9, "nesterov": true, "weight_decay": 5e-4])
    let rule = try #require(OptimizerCatalog.optimizer(section) as? StochasticGradientDescent)
    try section.finish()
    #expect(rule.momentum == 0.9 && rule.isNesterov && rule.weightDecay == 5e-4)
    #expect(rule.stateBlocks == ["momentum_buffer"])
    let adam = try #require(OptimizerCatalog.optimizer(["name": "adamw", "betas": [0.8, 0.95]]) as? AdamW)
    #expect(adam.betas == (0.8, 0.95) && adam.epsilon == 1e-8 && adam.weightDecay == 0.01)
  }

  @Test func readsSchedules() throws {
    let section = ConfigSection(["name": "cosine", "warmup": "10 %", "final_rate": 0.01])
    let cosine = try ScheduleCatalog.schedule(section, peakRate: 0.1, length: length)
    try section.finish()
    #expect(cosine.warmupSteps == 10)
    #expect(cosine.rate(at: 100) == 0.01)
    let step = try ScheduleCatalog.schedule(
      ["name": "step", "milestones": ["3 epochs", 60], "gamma": 0.5, "warmup": "1 epoch"], peakRate: 1, length: length)
    #expect([0, 9, 29, 30, 59, 60].map(step.rate) == [0.1, 1, 1, 0.5, 0.5, 0.25])
    let every = try ScheduleCatalog.schedule(
      ["name": "step", "every": "2 epochs", "gamma": 0.5], peakRate: 1, length: length)
    #expect([19, 20, 40].map(every.rate) == [1, 0.5, 0.25])
    let poly = try ScheduleCatalog.schedule(["name": "poly", "power": 2], peakRate: 1, length: length)
    #expect(poly.rate(at: 50) == 0.25)
  }

  @Test func readsClippingAndAverage() throws {
    #expect(try Clipping([:] as ConfigSection) == .none)
    #expect(try Clipping(["clip_norm": 5]) == .norm(5))
    #expect(try Clipping(["clip_value": 0.5]) == .value(0.5))
    #expect(try MovingAverage.read([:]) == nil)
    #expect(try MovingAverage.read(["average": ["decay": 0.99]]) == MovingAverage(decay: 0.99, warmsUp: true))
  }

  static let mistakes: [([String: ConfigValue], String)] = [
    (["name": "sdg"], "optimizer.name: no optimizer is called 'sdg'; did you mean 'sgd'?"),
    (["name": "sgd", "nesterov": true], "optimizer.nesterov: needs a momentum above 0"),
    (["name": "sgd", "momentum": 1], "optimizer.momentum: wanted a number >= 0 and < 1, found '1'"),
    (["name": "adamw", "betas": [0.9]], "optimizer.betas: wanted a list of 2 numbers >= 0 and < 1, found a list of 1"),
    (["name": "sgd", "clip_norm": 0], "optimizer.clip_norm: must be above 0: at 0 nothing is learnt"),
    (["name": "sgd", "clip_norm": 1, "clip_value": 1], "optimizer.clip_value: cannot stand beside clip_norm"),
    (["name": "sgd"], "optimizer.learning_rate: missing; wanted a number >= 0"),
  ]

  @Test(arguments: mistakes.indices)
  func sentences(_ index: Int) throws {
    let (values, sentence) = Self.mistakes[index]
    let section = ConfigSection(values, path: "optimizer")
    do {
      _ = try OptimizerCatalog.optimizer(section)
      _ = try Clipping(section)
      _ = try LearningRateRule(section, batch: 1)
      Issue.record("accepted")
    } catch {
      #expect(error.description == sentence)
    }
  }

  @Test func linearScalingRule() throws {
    let rule = try LearningRateRule(["learning_rate": 0.1, "base_batch": 256], batch: 512)
    #expect(rule.rate == 0.2)
    #expect(rule.sentence == "learning rate 0.2 = 0.1 x 512 / 256 (stated at base_batch 256, this run's batch is 512)")
    #expect(try LearningRateRule(["learning_rate": 0.1], batch: 512).rate == 0.1)
  }
}
