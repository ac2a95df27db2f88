import Compute
import Graphs
import Operators
import Testing

/// What the two rewrites of attention gates take together, and what they must leave alone.
@Suite struct FuseGatesTests {
  static func names(_ build: (Trace, Tensor) -> Tensor) throws -> [String] {
    let trace = Trace(mode: .training)
    trace.output("result", build(trace, trace.input("images", [2, 4, 4, 8])))
    let graph = try trace.finish()
    return [FuseGatedResidual(), FuseShiftedResidual(), FuseNormalization(), FuseNormalizeSqueeze()]
      .reduce(graph) { (graph: Graph, rewrite: any Rewrite) in rewrite.apply(to: graph) }.nodes.map(\.subject.name)
  }

  /// CBAM in small: x + y · gate(max y, mean y) · map(max, mean of what is gated).
  static func bothGates(_ y: Tensor, beside x: Tensor) -> Tensor {
    let gate = y.applying(Max(over: [1, 2])).applying(Add(), with: [y.applying(Mean(over: [1, 2]))])
    let gated = gate.applying(Sigmoid()).applying(Multiply(), with: [y])
    let map = gated.applying(Max(over: [3])).applying(Add(), with: [gated.applying(Mean(over: [3]))]).applying(Sigmoid())
    return x.applying(Add(), with: [gated.applying(Multiply(), with: [map])]).applying(ReLU())
  }

  static func norm(_ trace: Trace, _ x: Tensor) -> Tensor { FuseNormalizationTests.norm(trace, "bn\(x.shape)", x) }

  @Test func squeezeAndExcitation() throws {
    let names = try Self.names { trace, x in
      let y = Self.norm(trace, x)
      let gate = y.applying(Mean(over: [1, 2])).applying(Sigmoid())
      return y.applying(Multiply(), with: [gate]).applying(Add(), with: [x]).applying(ReLU())
    }
    #expect(names == ["batch_moments", "normalize_squeeze", "sigmoid", "gated_residual"])
  }

  @Test func channelAndSpatialGate() throws {
    let names = try Self.names { Self.bothGates(Self.norm($0, $1), beside: $1) }
    #expect(
      names == [
        "batch_moments", "normalize_squeeze", "add", "sigmoid", "gated_channel_squeeze", "add", "sigmoid", "gated_residual",
      ])
  }

  @Test func addedGates() throws {
    let names = try Self.names { trace, x in
      let y = Self.norm(trace, x)
      let gate = y.applying(Mean(over: [1, 2])), map = y.applying(Mean(over: [3]))
      let gated = y.applying(Multiply(), with: [gate]).applying(Add(), with: [map.applying(Multiply(), with: [y])])
      return gated.applying(Add(), with: [x]).applying(ReLU())
    }
    #expect(names == ["batch_moments", "normalize_squeeze", "mean", "gated_residual"])
  }

  /// Two gates of one kind, or of two activations, are no pair: one product is the other's shortcut.
  @Test func sumsOfOtherProductsStay() throws {
    let twice = try Self.names { _, x in
      let gate = x.applying(Mean(over: [1, 2]))
      let gated = x.applying(Multiply(), with: [gate]).applying(Add(), with: [x.applying(Multiply(), with: [gate])])
      return gated.applying(Add(), with: [x])
    }
    #expect(twice == ["mean", "multiply", "gated_residual", "add"])
    let different = try Self.names { _, x in
      let other = x.applying(ReLU())
      let products = [x.applying(Multiply(), with: [x.applying(Mean(over: [1, 2]))])]
      let gated = other.applying(Multiply(), with: [x.applying(Mean(over: [3]))]).applying(Add(), with: products)
      return gated.applying(Add(), with: [x])
    }
    #expect(different == ["relu", "mean", "multiply", "mean", "gated_residual", "add"])
  }

  /// The gated product is read by somebody else too, so it must be there.
  @Test func whatOthersReadStays() throws {
    let names = try Self.names { _, x in
      let gated = x.applying(Multiply(), with: [x.applying(Mean(over: [1, 2]))])
      return gated.applying(Add(), with: [x]).applying(Multiply(), with: [gated])
    }
    #expect(names == ["mean", "multiply", "add", "multiply"])
  }

  /// A map over a product that others read takes the product as it is.
  @Test func spatialGateAlone() throws {
    let names = try Self.names { _, x in
      let gated = x.applying(Multiply(), with: [x.applying(Mean(over: [1, 2]))])
      let map = gated.applying(Mean(over: [3]))
      return gated.applying(Multiply(), with: [map]).applying(Add(), with: [x])
    }
    #expect(names == ["mean", "multiply", "mean", "gated_residual"])
  }

  @Test func shiftedChannels() throws {
    let names = try Self.names { trace, x in
      let y = Self.norm(trace, x), shift = y.applying(Mean(over: [1, 2]))
      return x.applying(Add(), with: [shift.applying(Add(), with: [y])]).applying(ReLU())
    }
    #expect(names == ["batch_moments", "normalize_squeeze", "shifted_residual"])
  }

  /// What is shifted is read by somebody else too, or what shifts it is a map of the places.
  @Test func otherShiftsStay() throws {
    let shared = try Self.names { _, x in
      let shifted = x.applying(Add(), with: [x.applying(Mean(over: [1, 2]))])
      return shifted.applying(Add(), with: [x]).applying(Multiply(), with: [shifted])
    }
    #expect(shared == ["mean", "add", "add", "multiply"])
    let places = try Self.names { _, x in
      x.applying(Add(), with: [x.applying(Mean(over: [3]))]).applying(Add(), with: [x]).applying(ReLU())
    }
    #expect(places == ["mean", "add", "add", "relu"])
  }
}
