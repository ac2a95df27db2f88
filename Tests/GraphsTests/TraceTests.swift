import Compute
import Graphs
import Operators
import Testing

@Suite struct TraceTests {
  private func weight(_ trace: Trace, _ shape: Shape = [3, 3]) -> Tensor {
    trace.parameter("weight", shape, initializer: .constant(0), decays: true)
  }

  @Test func mistakeNamesItsModuleAndPoisonsSilently() throws {
    let trace = Trace(mode: .training)
    let x = trace.input("images", [8, 56, 56, 256])
    let sum = trace.scope("layer1.2") {
      trace.scope("attention") { x.applying(Add(), with: [trace.input("other", [8, 56, 56, 3])]) }
    }
    #expect(!sum.isValid)
    #expect(!sum.applying(ReLU()).reshaped(1, 2, 3).isValid)
    let error = #expect(throws: TraceError.self) { try trace.finish() }
    #expect(error?.description.hasPrefix("layer1.2.attention.add: cannot add [8, 56, 56, 256] and [8, 56, 56, 3]") == true)
  }

  @Test func twoLayersMayNotClaimOnePath() throws {
    let trace = Trace(mode: .training)
    _ = trace.scope("fc") { weight(trace) }
    _ = trace.scope("fc") { weight(trace) }
    let error = #expect(throws: TraceError.self) { try trace.finish() }
    #expect(error?.description == "fc: two layers claim the parameter fc.weight")
  }

  @Test func sharedModuleFindsItsParametersAgain() throws {
    final class Owner {}
    let trace = Trace(mode: .training), owner = Owner()
    let first = trace.sharedScope("mlp", owner: owner) { weight(trace) }
    let second = trace.sharedScope("mlp", owner: owner) { weight(trace) }
    trace.root("loss", first.applying(Add(), with: [second]))
    #expect(try trace.finish().parameters.count == 1)

    _ = trace.sharedScope("mlp", owner: Owner()) { weight(trace) }
    #expect(throws: TraceError.self) { try trace.finish() }
  }

  @Test func reshapingSaysWhatDoesNotFit() throws {
    let trace = Trace(mode: .training)
    #expect(trace.input("x", [2, 3, 4]).reshaped(2, -1).shape == [2, 12])
    #expect(!trace.input("y", [2, 3, 4]).reshaped(5, -1).isValid)
    let error = #expect(throws: TraceError.self) { try trace.finish() }
    #expect(error?.description == "cannot reshape [2, 3, 4] to [5, -1]")
  }
}
