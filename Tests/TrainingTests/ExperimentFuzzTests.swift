import Compute
import Configuration
import Datasets
import Foundation
import Graphs
import Models
import Support
import Testing
import Training

/// Whatever a run file asks for, the answer is an experiment whose arithmetic holds, or a sentence.
@Suite struct ExperimentFuzzTests {
  /// A run file's mistake, of whichever kind.
  private struct Refusal: Error, CustomStringConvertible {
    let description: String
  }

  private static let seeds: [[UInt8]] = [
    """
    model: {name: resnet20, attention: {name: se, reduction: 4, stages: [2, 3]}}
    data: {name: scenes, image_size: 16, batch: 16, evaluation_batch: 8, training_scenes: 64, evaluation_scenes: 40,
      scene_seed: 3, limit: 50, loader_threads: 1, batches_ahead: 4, max_broken: 10, drop_last: true,
      augment: [{name: crop, padding: 2}, flip, {name: color_jitter, brightness: 0.2, hue: 0.1},
        {name: rand_augment, operations: 2, magnitude: 9, magnitudes: 31, interpolation: bilinear, fill: [0]},
        {name: random_erasing, probability: 0.25, area: [0.02, 0.3], aspect: [0.3, 3], mode: pixel, count: 2}],
      mix: {mixup_alpha: 0.8, cutmix_alpha: 1, probability: 0.9, switch_probability: 0.5, mode: elem}, repeats: 3,
      normalize: {mean: [0.5], std: [0.25]}}
    task: {name: classification, loss: binary_cross_entropy, label_smoothing: 0.1}
    optimizer: {name: sgd, learning_rate: 0.05, base_batch: 16, momentum: 0.9, nesterov: true, clip_norm: 1}
    schedule: {name: cosine, warmup: 10 %, warmup_start_rate: 0.001, final_rate: 0.0001}
    distributed: {replicas: 4, threads: 1, timeout: 20, bucket_bytes: 65536, reduction: tree}
    run: {steps: 6, log_every: 1, evaluate_every: 1 epoch, checkpoint_every: 3, keep_last: 2, keep_best: 1, seed: 5}
    """,
    """
    model: {name: mobilenet_v2, classes: 12, attention: {name: cbam, spatial_kernel: 7}}
    data: {name: scenes, image_size: 32, batch: 32, training_scenes: 4000,
      augment: [{name: random_resized_crop, size: 24, scale: [0.2, 1], ratio: [0.75, 1.33]},
        {name: auto_augment, policy: svhn}, {name: trivial_augment_wide, magnitudes: 31},
        {name: timm_rand_augment, recipe: rand-m9-mstd0.5-inc1, interpolation: random, fill: [124, 116, 104]}],
      prepare: [{name: resize, size: 28}, {name: centre_crop, size: 24}]}
    task: {name: classification}
    optimizer: {name: adamw, learning_rate: 1e-3, betas: [0.9, 0.99], epsilon: 1e-8, weight_decay: 0.05,
      clip_value: 5, average: {decay: 0.99, warmup: true}, decay_norms_and_biases: true}
    schedule: {name: step, milestones: [30 epochs, 50 %, 900], gamma: 0.1, warmup: 2 epochs}
    run: {epochs: 90, trace: true, memory_budget: auto, disable_rewrites: []}
    """,
    """
    model: {name: resnet18_cifar, attention: eca}
    data: {name: imagefolder, root: ., image_size: 64, batch: 4, follow_links: false}
    optimizer: {name: sgd, learning_rate: 0.1}
    schedule: {name: poly, power: 0.9, warmup: 500}
    run: {epochs: 2.5, memory_budget: 2 GiB}
    """,
    """
    model: {name: resnet20}
    data: {name: scenes, image_size: 16, batch: 16, training_scenes: 64}
    optimizer: {name: lamb, learning_rate: 5e-3, betas: [0.9, 0.99], epsilon: 1e-6, weight_decay: 0.02,
      trust_clip: true, always_adapt: false, bias_correction: true, clip_adaptive: 0.01, layer_decay: 0.75}
    schedule: {name: onecycle, pct_start: 0.3, anneal_strategy: linear, div_factor: 25, final_div_factor: 1e4,
      three_phase: true, cycle_momentum: true, base_momentum: 0.85, max_momentum: 0.95}
    run: {epochs: 3}
    """,
    """
    model: {name: resnet20}
    data: {name: scenes, image_size: 16, batch: 16, training_scenes: 64}
    optimizer: {name: lars, learning_rate: 1, momentum: 0.9, trust_coeff: 0.001, weight_decay: 1e-4}
    schedule: {name: plateau, factor: 0.1, patience: 10, threshold: 1e-4, threshold_mode: rel, cooldown: 2,
      min_rate: 1e-6, metric: loss, warmup: 10 %}
    run: {epochs: 3}
    """,
  ].map { Array($0.utf8) }

  @Test func `Ten thousand damaged run files give an experiment or a sentence`() throws {
    let mutator = Mutator("experiment", seeds: Self.seeds, .words)
    for seed in Self.seeds.prefix(2) { try Self.calculate(try Self.experiment(seed)) }
    var traced = 0
    let tally = try fuzz(mutator, refusal: Refusal.self) { bytes, number in
      do {
        let experiment = try Self.experiment(bytes)
        try Self.calculate(experiment)
        guard number % 16 == 0 else { return }
        traced += 1
        let graph = try NetworkRunners.graph(
          experiment.network, experiment.task, batch: 2, image: experiment.trainingPipeline.outputShape,
          mode: .training)
        #expect(graph.parameterCount > 0)
      } catch let error where error is ConfigError || error is DatasetError || error is TraceError
        || error is BatchScheduleError || error is ReplicaError {
        throw Refusal(description: "\(error)")
      }
    }
    #expect(tally.refused > 5_000 && tally.accepted > 300 && traced > 20, "\(tally), \(traced)")
  }

  @Test(arguments: [
    "data.image_size=4611686018427387904", "data.batch=9223372036854775807", "data.training_scenes=9223372036854775807",
    "data.loader_threads=1000000000", "data.augment=[{name: crop, padding: 9223372036854775807}]",
    "data.prepare=[{name: resize, size: 9223372036854775807}]", "run.epochs=1e300", "run.steps=9223372036854775807",
    "run.evaluate_every=\(String(repeating: "9", count: 400)) epochs", "distributed.timeout=1e300",
    "distributed.threads=1000000000", "distributed.replicas=9223372036854775807", "model.classes=9223372036854775807",
  ])
  func `A number that no machine can run is refused by its range`(setting: String) throws {
    let text = String(decoding: Self.seeds[0], as: UTF8.self)
    let error = #expect(throws: ConfigError.self) {
      let experiment = try Experiment(try RunFile(text: text, overrides: [setting])) {
        try ModelCatalog.network($0, classes: $1)
      }
      try Self.calculate(experiment)
    }
    let path = setting.prefix { $0 != "=" }
    #expect(error?.path.hasPrefix(path) == true && error.map { "\($0)".contains("wanted") } == true, "\(error as Any)")
  }

  private static func experiment(_ text: [UInt8]) throws -> Experiment {
    try Experiment(try RunFile(text: String(decoding: text, as: UTF8.self))) {
      try ModelCatalog.network($0, classes: $1)
    }
  }

  /// What the loop works out before and while it runs.
  private static func calculate(_ experiment: Experiment) throws {
    let settings = experiment.settings
    let assignment = try ReplicaAssignment(replicas: settings.replicas, ranks: 2, reduction: settings.reduction)
    let schedule = try BatchSchedule(
      sampleCount: experiment.training.count, globalBatch: settings.globalBatch, replicas: assignment.replicas,
      dropsShortBatch: settings.dropsShortBatch, repeats: settings.repeats)
    let steps = experiment.totalSteps(perEpoch: schedule.stepsPerEpoch)
    #expect(steps > 0)
    let rates = try experiment.schedule(stepsPerEpoch: schedule.stepsPerEpoch, totalSteps: steps)
    for step in [0, steps / 2, steps] { #expect(!rates.rate(at: step).isNaN) }
    for interval in [settings.evaluateEvery, settings.checkpointEvery] {
      #expect(interval.steps(perEpoch: schedule.stepsPerEpoch, ofRun: steps) >= 0)
    }
    let sequence = BatchSequence(
      schedule, replicas: assignment.range(rank: 1), seed: settings.seed, isShuffled: true,
      endEpoch: (steps + schedule.stepsPerEpoch - 1) / schedule.stepsPerEpoch)
    let address = sequence[sequence.count - 1]
    #expect(schedule.positions(step: address.step, replica: address.replica).upperBound <= experiment.training.count)
    let last = experiment.training.count - 1
    _ = experiment.training.name(of: last)
    let order = sequence.order(ofEpoch: 0)
    #expect((0...last).contains(order.index(at: schedule.visit(at: last).position)))
    // A picture of the data set goes through, whatever the transforms draw.
    let picture = Image(width: 16, height: 16, channels: 3, pixels: [UInt8](repeating: 90, count: 768))
    var floats = [Float](repeating: 0, count: experiment.trainingPipeline.outputShape.count)
    guard floats.count < 100_000 else { return }
    floats.withUnsafeMutableBufferPointer { floats in
      // One that is smaller than the crop is a broken sample, with a sentence of its own.
      try? experiment.trainingPipeline.write(picture, key: RandomKey(settings.seed), to: floats.baseAddress!)
    }
    #expect(floats.allSatisfy { $0.isFinite })
  }
}
