import Compute
import Graphs
import Operators
import Testing

/// What the rewrite takes together, and what it must leave alone.
@Suite struct FuseNormalizationTests {
  /// The operators of a graph in order, after the rewrite.
  static func names(_ build: (Trace, Tensor) -> Tensor) throws -> [String] {
    let trace = Trace(mode: .training)
    let result = build(trace, trace.input("images", [2, 4, 4, 8]))
    trace.output("result", result)
    return FuseNormalization().apply(to: try trace.finish()).nodes.map(\.subject.name)
  }

  static func norm(_ trace: Trace, _ name: String, _ x: Tensor) -> Tensor {
    let parameters = ["weight", "bias"].map {
      trace.parameter("\(name).\($0)", [8], initializer: .constant(1), decays: false)
    }
    let buffers = ["mean", "variance"].map { trace.buffer("\(name).\($0)", [8], initialValue: 0) }
    let results = trace.apply(BatchNorm(), [x] + parameters + buffers)
    trace.update(buffer: "\(name).mean", to: results[3])
    trace.update(buffer: "\(name).variance", to: results[4])
    return results[0]
  }

  @Test func activationGoesIntoThePass() throws {
    #expect(try Self.names { Self.norm($0, "bn", $1).applying(ReLU()) } == ["batch_moments", "normalize"])
    #expect(try Self.names { Self.norm($0, "bn", $1).applying(Tanh()) } == ["batch_moments", "normalize", "tanh"])
  }

  /// With given statistics the norm is taken apart too, unless its gradient is asked for: that one is another.
  @Test(arguments: [false, true]) func givenStatistics(isDifferentiated: Bool) throws {
    let trace = Trace(mode: .inference)
    let x = trace.input("images", [2, 4, 4, 8])
    let numbers = ["weight", "bias", "mean", "variance"].map { trace.input($0, [8]) }
    let y = x.applying(BatchNormInference(), with: numbers).applying(ReLU())
    trace.output("result", y)
    if isDifferentiated { trace.root("result", y) }
    let names = FuseNormalization().apply(to: try trace.finish()).nodes.map(\.subject.name)
    #expect(names == (isDifferentiated ? ["batch_norm_inference", "relu"] : ["inverse_deviation", "normalize"]))
  }

  @Test func shortcutAndActivationGoIntoThePass() throws {
    let names = try Self.names { trace, x in
      Self.norm(trace, "bn", x).applying(Add(), with: [x.applying(Tanh())]).applying(ReLU6())
    }
    #expect(names == ["batch_moments", "tanh", "normalize_add"])
  }

  /// Of two norms under one sum, one takes the sum and the other's result.
  @Test func projectedShortcut() throws {
    let names = try Self.names { trace, x in
      Self.norm(trace, "a", x).applying(Add(), with: [Self.norm(trace, "b", x)]).applying(ReLU())
    }
    #expect(names == ["batch_moments", "batch_moments", "normalize", "normalize_add"])
  }

  @Test func whatOthersReadStays() throws {
    let twice = try Self.names { trace, x in
      let y = Self.norm(trace, "bn", x)
      return y.applying(ReLU()).applying(Multiply(), with: [y])
    }
    #expect(twice == ["batch_moments", "normalize", "relu", "multiply"])
    let doubled = try Self.names { trace, x in
      let y = Self.norm(trace, "bn", x)
      return y.applying(Add(), with: [y])
    }
    #expect(doubled == ["batch_moments", "normalize", "add"])
    let broadcast = try Self.names { trace, x in
      Self.norm(trace, "bn", x).applying(Add(), with: [x.applying(Mean(over: [1, 2]))])
    }
    #expect(broadcast == ["batch_moments", "mean", "normalize", "add"] || broadcast == ["batch_moments", "normalize", "mean", "add"])
    let kept = try Self.names { trace, x in
      let y = Self.norm(trace, "bn", x)
      trace.output("norm", y)
      return y.applying(ReLU())
    }
    #expect(kept == ["batch_moments", "normalize", "relu"])
  }
}
