import Compute
import Graphs
import Operators
import Testing

/// Which norms are left to the gates behind them, and which must be written.
@Suite struct DeferNormToGatesTests {
  static func graph(_ build: (Trace, Tensor) -> Tensor) throws -> Graph {
    let trace = Trace(mode: .training)
    trace.output("result", build(trace, trace.input("images", [2, 4, 4, 8])))
    return try trace.finish()
  }

  static func names(_ build: (Trace, Tensor) -> Tensor) throws -> [String] {
    let rewrites: [any Rewrite] = [FuseGatedResidual(), FuseNormalization(), FuseNormalizeSqueeze(), DeferNormToGates()]
    return rewrites.reduce(try graph(build)) { $1.apply(to: $0) }.nodes.map(\.subject.name)
  }

  static func norm(_ trace: Trace, _ x: Tensor) -> Tensor { FuseNormalizationTests.norm(trace, "bn", x) }

  /// Squeeze and excitation: x + y · gate(mean y).
  static func gated(_ y: Tensor, beside x: Tensor) -> Tensor {
    let gate = y.applying(Mean(over: [1, 2])).applying(Sigmoid())
    return y.applying(Multiply(), with: [gate]).applying(Add(), with: [x]).applying(ReLU())
  }

  @Test func channelGate() throws {
    let names = try Self.names { Self.gated(Self.norm($0, $1), beside: $1) }
    #expect(names == ["batch_moments", "normalized_squeeze", "sigmoid", "gated_residual"])
  }

  @Test func channelAndSpatialGate() throws {
    let names = try Self.names { FuseGatesTests.bothGates(Self.norm($0, $1), beside: $1) }
    #expect(
      names == [
        "batch_moments", "normalized_squeeze", "add", "sigmoid", "gated_channel_squeeze", "add", "sigmoid",
        "gated_residual",
      ])
  }

  /// Somebody else reads y, a gate has it as its shortcut, or the gates are added.
  @Test func otherReadersNeedIt() throws {
    let read = try Self.names { trace, x in
      let y = Self.norm(trace, x)
      return Self.gated(y, beside: x).applying(Multiply(), with: [y])
    }
    #expect(read.contains("normalize_squeeze"))
    let beside = try Self.names { trace, x in
      let y = Self.norm(trace, x)
      return Self.gated(y, beside: y)
    }
    #expect(beside.contains("normalize_squeeze"))
    let kept = try Self.names { trace, x in
      let y = Self.norm(trace, x)
      trace.output("norm", y)
      return Self.gated(y, beside: x)
    }
    #expect(kept.contains("normalize_squeeze"))
    let added = try Self.names { trace, x in
      let y = Self.norm(trace, x)
      let gate = y.applying(Mean(over: [1, 2])), map = x.applying(Mean(over: [3]))
      let gated = y.applying(Multiply(), with: [gate]).applying(Add(), with: [y.applying(Multiply(), with: [map])])
      return gated.applying(Add(), with: [x])
    }
    #expect(added.contains("normalize_squeeze"))
  }

  /// Where another norm has the same weight, its gradient is not this norm's sum.
  @Test func sharedParameters() throws {
    let names = try Self.names { trace, x in
      let numbers = ["weight", "bias"].map {
        trace.parameter("bn.\($0)", [8], initializer: .constant(1), decays: false)
      }
      let buffers = ["mean", "variance"].map { trace.buffer("bn.\($0)", [8], initialValue: 0) }
      let y = trace.apply(BatchNorm(), [x] + numbers + buffers)[0]
      let other = trace.apply(BatchNorm(), [x.applying(Tanh())] + numbers + buffers)[0]
      return Self.gated(y, beside: other.applying(ReLU()))
    }
    #expect(names.contains("normalize_squeeze"))
  }
}
