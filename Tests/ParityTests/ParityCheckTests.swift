import Foundation
import Parity
import Testing

/// That the check can fail: a comparison that accepts everything would pass every file.
@Suite struct ParityCheckTests {
  /// A tensor of the mini network, moved by ten times what is allowed at its largest element.
  @Test(arguments: [
    ("eval.output.0", 1e-4), ("train.output.0", 1e-4), ("train.grad_input.0", 1e-3),
    ("train.grad.layer1.0.conv1.weight", 1e-3), ("train.grad.layer2.0.cbam.ChannelGate.mlp.1.bias", 1e-3),
    ("train.buffer.layer1.0.bn1.running_mean", 1e-4),
    ("train.buffer.layer2.0.cbam.SpatialGate.spatial.bn.running_var", 1e-4),
  ])
  func aDeviationIsFound(key: String, deviation: Float) throws {
    let altered = try AlteredFixture("cbam/mini_resnet_basic")
    let values = altered.floats[key]!.values
    let largest = values.indices.max { abs(values[$0]) < abs(values[$1]) }!
    altered.floats[key]!.values[largest] *= 1 - deviation
    let result = try altered.check()
    #expect(result.status == .fail && result.worst?.tensor == key, "\(result.line)")
  }

  @Test func aNumberThatIsNoneIsFound() throws {
    let altered = try AlteredFixture("eca-net/module_k5")
    altered.floats["train.grad_input.0"]!.values[5] = .nan
    let result = try altered.check()
    #expect(result.status == .fail && result.worst?.error == .infinity)
    let object = try JSONSerialization.jsonObject(with: Data(result.json().utf8)) as? [String: Any]
    #expect((object?["worst"] as? [String: Any])?["error"] is NSNull)
  }

  @Test func countersMustBeEqual() throws {
    let altered = try AlteredFixture("cbam/module_c32_r8")
    let key = "train.buffer.SpatialGate.spatial.bn.num_batches_tracked"
    altered.integers[key]!.values[0] += 1
    let result = try altered.check()
    #expect(result.status == .fail && result.worst?.tensor == key)
  }

  /// What the reference's own float32 run deviates by, four times over, is what is allowed.
  @Test func aStatedErrorSetsTheTolerance() throws {
    let altered = try AlteredFixture("gcnet/se_r8")
    altered.metadata["float32_error"] = #"{"outputs": 2e-3, "gradients": 1e-9}"#
    let result = try altered.check()
    #expect(result.status == .fail && result.worst?.tolerance == 4e-9)
    #expect(result.comparisons.first { $0.tensor == "eval.output.0" }?.tolerance == 8e-3)
  }

  /// A gradient that is zero by structure is rounding in ours: measured against the file's largest gradient.
  @Test func structuralZerosAreMeasuredAgainstTheLargestGradient() throws {
    for (isStated, wanted) in [(true, ParityResult.Status.pass), (false, .fail)] {
      let altered = try AlteredFixture("cbam/bottleneck_stride2")
      let key = "train.grad.cbam.ChannelGate.mlp.1.bias"
      let largest = altered.floats.filter { $0.key.hasPrefix("train.grad.") }.values.flatMap(\.values).map(abs).max()!
      let own = altered.floats[key]!.values.map(abs).max()!
      // Less than 1e-4 of the file's largest gradient, more than 1e-4 of the tensor's own.
      altered.floats[key]!.values[0] += 0.5e-4 * largest
      guard own < 0.4 * largest else { continue }
      if isStated { altered.metadata["zero_gradient"] = #"["cbam.ChannelGate.mlp.1.bias"]"# }
      #expect(try altered.check().status == wanted)
    }
  }

  /// A file that lists no zeros has those that double precision found; one that lists others means it.
  @Test func unlistedZerosAreKnownByTheirSize() throws {
    let altered = try AlteredFixture("gcnet/nl_embedded_gaussian_subsample_bn")
    #expect(try altered.check().status == .pass)
    altered.metadata["zero_gradient"] = "[]"
    #expect(try altered.check().worst?.tensor == "train.grad.g.0.conv.bias")
  }

  /// Options decide what is built, not the names of files and variants; other spellings mean the same.
  @Test func optionsDecide() throws {
    let altered = try AlteredFixture("cbam/module_c32_r8")
    altered.metadata["variant"] = "channel_only_r2"
    altered.replace("gate_channels", by: "channels")
    altered.replace("reduction_ratio", by: "reduction")
    #expect(try altered.check().status == .pass)
    altered.replace(#"["avg", "max"]"#, by: #"["avg", "lse"]"#)
    #expect(try altered.check().status == .fail)
  }

  @Test func aNetworkThatIsMissingIsUnsupported() throws {
    let altered = try AlteredFixture("cbam/module_c32_r8")
    altered.metadata["system"] = "vision-of-tomorrow"
    let result = try altered.check()
    #expect(result.status == .unsupported && result.worst == nil)
    #expect(result.line.hasPrefix("UNSUPPORTED ") && result.line.contains("vision-of-tomorrow/module_c32_r8"))
  }

  @Test func linesAndObjects() throws {
    let path = FixtureFiles.path("gcnet/se_r8")
    let result = ParityCheck.run(path: path)
    let form = /PASS .*se_r8.safetensors gcnet\/se_r8 worst [a-z_.0-9]+ \d\.\de-\d\d \(allowed 1\.0e-0[45]\)/
    #expect(result.line.wholeMatch(of: form) != nil, "\(result.line)")
    let object = try #require(try JSONSerialization.jsonObject(with: Data(result.json().utf8)) as? [String: Any])
    #expect(Set(object.keys) == ["file", "system", "variant", "status", "worst"])
    #expect(object["status"] as? String == "PASS" && object["file"] as? String == path)
    let worst = try #require(object["worst"] as? [String: Any])
    #expect(Set(worst.keys) == ["tensor", "error", "tolerance"])
    #expect((worst["error"] as! Double) < (worst["tolerance"] as! Double))
    #expect(try !result.json().contains("\n"))
  }
}
