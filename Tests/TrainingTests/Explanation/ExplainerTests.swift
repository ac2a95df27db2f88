import Compute
import Datasets
import Foundation
import Graphs
import Layers
import Operators
import Tasks
import Testing
import Training

/// Two convolutions of which the first shows its features, as PyTorch computed it in double precision.
private struct CamNetwork: Module {
  func callAsFunction(_ images: Tensor) -> Tensor {
    let features = images.conv("conv1", 4, kernel: 3, padding: 1, bias: true).relu().seen(as: .features)
    let gate = features.mean(over: .spatial).seen(as: .gate)
    gate.trace.parameter("α", [1], initializer: .constant(0.5), decays: false)
      .seen(as: .factor(title: "factors", name: "α"))
    return features.conv("conv2", 5, kernel: 3, stride: 2, bias: true).relu()
      .mean(over: .spatial).reshaped(images.shape[0], -1).linear("fc", 3)
  }
}

/// The same on clips of two frames, which it keeps apart.
private struct CamClipNetwork: Module {
  func callAsFunction(_ images: Tensor) -> Tensor {
    images.trace.takes(framesPerClip: 2)
    return CamNetwork()(images)
  }
}

/// Grad-CAM is that of the paper, and explaining changes nothing.
@Suite struct ExplainerTests {
  /// 8 columns and 6 rows, byte i being 37 i mod 256.
  private static let picture = Image(width: 8, height: 6, channels: 3, pixels: (0..<144).map { UInt8($0 * 37 % 256) })

  private static func pipeline() throws -> TransformPipeline {
    try TransformPipeline([], normalization: .unit, channels: 3, nativeSize: ImageSize(width: 8, height: 6))
  }

  /// Element i of parameter p, counted from 1 in file order, is sin(0.9 i² + p) / 2.
  private static func runners(_ network: any Module = CamNetwork(), batch: Int = 1) throws -> NetworkRunners {
    let runners = try NetworkRunners(
      network, Classification(), batch: batch, image: [6, 8, 3], team: WorkerTeam(count: 1), key: RandomKey(0),
      mode: .inference)
    let order = ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "fc.weight", "fc.bias"]
    for (place, path) in order.enumerated() {
      guard let view = runners.state.view(path), let layout = runners.state.fileLayout(path) else { continue }
      let values = (0..<view.count).map { Float(0.5 * sin(0.9 * Double($0 * $0) + Double(place + 1))) }
      view.assign(layout.toMemory(values))
    }
    return runners
  }

  /// By torch.autograd.grad of one score at the output of the first ReLU.
  private static let expected: [Int: [Float]] = [
    0: [
      0, 0, 0.00028, 0, 0, 0.003208, 0, 0.00257, 0.000819, 0.003268, 0, 0.001467, 0.001422, 0, 0.004787, 0, 0.003922, 0,
      0.001205, 0.001326, 0, 0.006423, 0, 0.003177, 0.000049, 0.003651, 0, 0, 0.006327, 0, 0.003446, 0, 0.006919, 0, 0,
      0.004707, 0, 0.004806, 0, 0.002671, 0, 0.004229, 0.00482, 0.000203, 0.008695, 0.000504, 0.004071, 0.003162,
    ],
    2: [
      0.002278, 0.004278, 0.002487, 0.00501, 0.005745, 0, 0.004835, 0, 0.002318, 0, 0.005352, 0.004404, 0, 0.00287, 0,
      0.00267, 0, 0.005382, 0.004483, 0, 0.002844, 0, 0, 0, 0.007523, 0, 0, 0.005659, 0, 0.00124, 0, 0.003655, 0,
      0.005088, 0.00443, 0, 0.001214, 0, 0.00068, 0, 0.005771, 0, 0, 0.001771, 0, 0, 0, 0,
    ],
  ]

  @Test func `Grad-CAM is PyTorch's`() throws {
    let runners = try Self.runners()
    let explainer = try Explainer(runners.network, image: [6, 8, 3], state: runners.state, team: runners.team)
    for (label, map) in Self.expected.sorted(by: { $0.key < $1.key }) {
      let found = try explainer.explain(Self.picture, try Self.pipeline(), label: label)
      #expect(found.frames[0].activation.rows == 6 && found.frames[0].activation.columns == 8 && found.label == label)
      // The expected numbers have six decimals; single precision adds less than one unit of the sixth.
      let differences = zip(found.frames[0].activation.values, map).map { abs($0 - $1) }
      #expect(differences.allSatisfy { $0 < 1.2e-6 }, "class \(label): \(differences.max() ?? 0)")
    }
    let likeliest = try explainer.explain(Self.picture, try Self.pipeline())
    #expect(likeliest.label == 1)
    let logits: [Float] = [0.0040260245, 0.2032147, -0.026430435]
    #expect(zip(likeliest.logits, logits).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  /// The score along one channel of the features: α_k is the mean of its derivatives, so that A_k + ε everywhere
  /// changes the score by ε α_k H W.
  @Test func `The weights of the channels are the score's differences`() throws {
    let network = CamNetwork(), runners = try Self.runners(network), epsilon: Float = 1.0 / 1024
    let trace = Trace(mode: .inference, isWatched: true)
    let logits = network(trace.input("images", [1, 6, 8, 3]))
    let features = try #require(trace.sightings.first)
    trace.root("logits", logits)
    trace.output("logits", logits)
    trace.wantGradient(ofOutput: features.output)
    let plan = Plan(try trace.finish(), workers: 1, layout: runners.state.layout, rewrites: [])
    let runner = Interpreter(plan, state: runners.state, team: runners.team)
    try Self.pipeline().write(Self.picture, key: RandomKey(0), to: runner.input("images").pointer)
    runner.seed("logits").assign([1, 0, 0])
    try runner.forward(random: RandomKey(0))
    let score = Double(runner.output("logits")[0]), shown = runner.output(features.output).array
    try runner.backward(bucketReady: nil)
    let gradient = runner.outputGradient(features.output).array
    // The rest of the network alone, on features that are moved along the gradient's own channel 1.
    let rest = Trace(mode: .inference)
    let input = rest.input("features", [1, 6, 8, 4])
    rest.output(
      "logits",
      input.conv("conv2", 5, kernel: 3, stride: 2, bias: true).relu().mean(over: .spatial).reshaped(1, -1)
        .linear("fc", 3))
    let restPlan = Plan(try rest.finish(), workers: 1, rewrites: [])
    let restState = try ModelState(restPlan.program, layout: restPlan.layout, key: RandomKey(0))
    for entry in restPlan.layout.parameters {
      restState.view(entry.path)?.assign(try #require(runners.state.view(entry.path)).array)
    }
    let restRunner = Interpreter(restPlan, state: restState, team: runners.team)
    func moved(_ channel: Int, _ step: Float) throws -> Double {
      restRunner.input("features").assign(shown.enumerated().map { $0 % 4 == channel ? $1 + step : $1 })
      try restRunner.forward(random: RandomKey(0))
      return Double(restRunner.output("logits")[0])
    }
    #expect(try abs(moved(0, 0) - score) < 1e-6)
    for channel in 0..<4 {
      let difference = try (moved(channel, epsilon) - moved(channel, -epsilon)) / (2 * Double(epsilon))
      let sum = gradient.enumerated().reduce(0.0) { $1.offset % 4 == channel ? $0 + Double($1.element) : $0 }
      // The score is linear but for ReLU's corners; single precision at a step of 2^-10 leaves three digits.
      #expect(abs(difference - sum) < 2e-3 * max(1, abs(sum)), "channel \(channel): \(difference), \(sum)")
    }
  }

  @Test func `Explaining changes neither parameters nor gradients, and shows what modules do`() throws {
    let runners = try Self.runners()
    runners.state.gradients.assign([Float](repeating: 3, count: runners.state.gradients.count))
    let before = runners.state.values.array
    let explainer = try Explainer(runners.network, image: [6, 8, 3], state: runners.state, team: runners.team)
    let explanation = try explainer.explain(Self.picture, try Self.pipeline())
    #expect(runners.state.values.array == before && runners.state.gradients.array.allSatisfy { $0 == 3 })
    #expect(explanation.frames[0].picture.rgb == Self.picture.pixels)
    #expect(abs(explanation.probabilities.reduce(0, +) - 1) < 1e-12)
    #expect(explanation.observations.count == 2)
    guard case .channels(let gates) = explanation.observations[0].content else {
      Issue.record("\(explanation.observations[0])")
      return
    }
    #expect(gates.count == 4 && gates.allSatisfy { $0 >= 0 } && gates.contains { $0 > 0 })
    let factor = Observation.Content.parts(title: "factors", names: ["α"], values: [0.5], areTrained: true)
    #expect(explanation.observations[1] == Observation(path: "", content: factor))
    let again = try explainer.explain(Self.picture, try Self.pipeline())
    #expect(again.frames[0].activation == explanation.frames[0].activation)
    #expect(again.observations == explanation.observations)
  }

  /// Frames that know nothing of each other: each has half the share in the clip's score that it has in its own.
  @Test func `A clip's score is the mean of its frames'`() throws {
    let other = Image(width: 8, height: 6, channels: 3, pixels: (0..<144).map { UInt8($0 * 91 % 256) })
    let single = try Self.runners(), pair = try Self.runners(CamClipNetwork(), batch: 2)
    let one = try Explainer(single.network, image: [6, 8, 3], state: single.state, team: single.team)
    let two = try Explainer(pair.network, image: [6, 8, 3], state: pair.state, team: pair.team)
    #expect(one.framesPerClip == 1 && two.framesPerClip == 2)
    let alone = try [Self.picture, other].map { try one.explain($0, try Self.pipeline(), label: 0) }
    let clip = try two.explain([Self.picture, other], try Self.pipeline(), label: 0)
    for (frame, single) in zip(clip.frames, alone) {
      let expected = single.frames[0]
      #expect(frame.picture == expected.picture)
      #expect(zip(frame.logits, expected.logits).allSatisfy { abs($0 - $1) < 1e-6 })
      #expect(zip(frame.activation.values, expected.activation.values).allSatisfy { abs($0 - $1 / 2) < 1e-6 })
    }
    #expect(clip.frames[0].activation != clip.frames[1].activation)
    let means = zip(alone[0].logits, alone[1].logits).map { ($0 + $1) / 2 }
    #expect(zip(clip.logits, means).allSatisfy { abs($0 - $1) < 1e-6 })
    guard case .frames(let gates)? = clip.observations.map(\.content).dropFirst().first else {
      Issue.record("\(clip.observations)")
      return
    }
    #expect(gates.count == 2)
  }

  @Test func `A network that shows nothing says so`() throws {
    let runners = try SmallNetwork().runners(batch: 1)
    #expect(throws: ExplanationError()) {
      try Explainer(runners.network, image: [16, 16, 3], state: runners.state, team: runners.team)
    }
  }
}
