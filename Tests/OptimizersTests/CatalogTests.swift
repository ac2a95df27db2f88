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

  @Test func readsRulesWithTrustRatios() throws {
    let options = ConfigSection([
      "name": "lamb", "betas": [0.8, 0.95], "epsilon": 1e-5, "weight_decay": 0.02, "bias_correction": false,
      "trust_clip": true, "always_adapt": true,
    ])
    let lamb = try #require(OptimizerCatalog.optimizer(options) as? LAMB)
    try options.finish()
    #expect(lamb.betas == (0.8, 0.95) && lamb.epsilon == 1e-5 && lamb.weightDecay == 0.02)
    #expect(!lamb.correctsBias && lamb.clipsTrust && lamb.alwaysAdapts)
    let other = ConfigSection([
      "name": "lars", "momentum": 0.9, "nesterov": true, "weight_decay": 1e-4, "trust_coeff": 0.02, "epsilon": 0,
      "trust_clip": true, "always_adapt": true,
    ])
    let lars = try #require(OptimizerCatalog.optimizer(other) as? LARS)
    try other.finish()
    #expect(lars.momentum == 0.9 && lars.isNesterov && lars.weightDecay == 1e-4)
    #expect(lars.trustCoefficient == 0.02 && lars.epsilon == 0 && lars.clipsTrust && lars.alwaysAdapts)
    #expect(try OptimizerCatalog.optimizer(["name": "lars"]).stateBlocks.isEmpty)
  }

  @Test func readsOneCycleAndPlateau() throws {
    let section = ConfigSection([
      "name": "onecycle", "pct_start": 0.25, "anneal_strategy": "linear", "div_factor": 10, "final_div_factor": 100,
      "three_phase": true, "base_momentum": 0.8, "max_momentum": 0.9,
    ])
    let cycle = try ScheduleCatalog.schedule(section, peakRate: 0.1, length: length)
    try section.finish()
    #expect(cycle.rate(at: 0) == 0.01 && abs(cycle.rate(at: 24) - 0.1) < 1e-15)
    #expect(abs(cycle.rate(at: 99) - 1e-4) < 1e-15 && cycle.momentum(at: 0) == 0.9 && cycle.momentum(at: 24) == 0.8)
    let still = try ScheduleCatalog.schedule(
      ["name": "onecycle", "cycle_momentum": false], peakRate: 0.1, length: length)
    #expect(still.momentum(at: 0) == nil)

    let other = ConfigSection([
      "name": "plateau", "factor": 0.5, "patience": 3, "threshold": 0.01, "threshold_mode": "abs", "cooldown": 2,
      "min_rate": 1e-5, "metric": "loss", "warmup": 5,
    ])
    let plateau = try #require(ScheduleCatalog.schedule(other, peakRate: 0.1, length: length).plateau)
    try other.finish()
    #expect(plateau.factor == 0.5 && plateau.patience == 3 && plateau.threshold == 0.01 && plateau.cooldown == 2)
    #expect(plateau.thresholdMode == .abs && plateau.minRate == 1e-5 && plateau.figure == .loss)
    #expect(cycle.plateau == nil)
  }

  static let scheduleMistakes: [([String: ConfigValue], String)] = [
    (["name": "onecycle", "warmup": 5], "schedule.warmup: cannot stand beside onecycle, whose rise (pct_start) is one"),
    (
      ["name": "onecycle", "pct_start": 0.6, "three_phase": true],
      "schedule.pct_start: must be at most 0.5 in three phases: the fall takes as long as the rise"
    ),
    (["name": "onecycle", "pct_start": 30], "schedule.pct_start: wanted a number from 0 to 1, found '30'"),
    (["name": "plateau", "factor": 1], "schedule.factor: wanted a number >= 0 and < 1, found '1'"),
    (["name": "plateau", "metric": "los"], "schedule.metric: no choice is called 'los'; did you mean 'loss'?"),
    (["name": "platau"], "schedule.name: no schedule is called 'platau'; did you mean 'plateau'?"),
  ]

  @Test(arguments: scheduleMistakes.indices)
  func sentencesOfSchedules(_ index: Int) {
    let (values, sentence) = Self.scheduleMistakes[index]
    let error = #expect(throws: ConfigError.self) {
      try ScheduleCatalog.schedule(ConfigSection(values, path: "schedule"), peakRate: 0.1, length: length)
    }
    #expect(error?.description == sentence)
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
    #expect(try Clipping(["clip_adaptive": 0.01]) == .adaptive(0.01))
    #expect(try LayerDecay.read([:]) == nil)
    #expect(try LayerDecay.read(["layer_decay": 0.75]) == LayerDecay(0.75))
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
    (["name": "sgd", "clip_norm": 1, "clip_adaptive": 1], "optimizer.clip_adaptive: cannot stand beside clip_norm"),
    (["name": "lars", "nesterov": true], "optimizer.nesterov: needs a momentum above 0"),
    (["name": "lamb", "epsilon": 0], "optimizer.epsilon: wanted a number from 1e-16 to 1, found '0'"),
    (["name": "sgd", "layer_decay": 1.5], "optimizer.layer_decay: wanted a number from 0 to 1, found '1.5'"),
    (["name": "sgd"], "optimizer.learning_rate: missing; wanted a number >= 0"),
  ]

  @Test(arguments: mistakes.indices)
  func sentences(_ index: Int) throws {
    let (values, sentence) = Self.mistakes[index]
    let section = ConfigSection(values, path: "optimizer")
    do {
      _ = try OptimizerCatalog.optimizer(section)
      _ = try Clipping(section)
      _ = try LayerDecay.read(section)
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
