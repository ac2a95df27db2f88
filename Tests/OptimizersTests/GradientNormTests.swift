import Compute
import Optimizers
import Testing

@Suite struct GradientNormTests {
  private func norm(_ gradients: [Float], _ layout: ParameterLayout, workers: Int = 1) -> Double {
    let norm = GradientNorm(layout)
    let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: gradients.count)
    defer { memory.deallocate() }
    _ = memory.initialize(from: gradients)
    let view = TensorView(memory.baseAddress!, [gradients.count])
    WorkerTeam(count: workers).run { worker in norm.measure(UnsafePointer(view.pointer), worker) }
    return norm.value
  }

  @Test func countsParametersOnly() {
    let layout = ParameterLayout([ParameterGroup(0..<2, decays: true), ParameterGroup(3..<5, decays: false)])
    #expect(norm([3, 4, 100, 0, 12], layout) == 13)
  }

  @Test func doesNotDependOnWorkers() {
    let values = (0..<100_003).map { Float(($0 * 7919) % 1009) * 1e-3 - 0.3 }
    let layout = ParameterLayout([
      ParameterGroup(1..<30_000, decays: true), ParameterGroup(30_005..<100_003, decays: false),
    ])
    let alone = norm(values, layout)
    #expect(norm(values, layout, workers: 2) == alone)
    #expect(norm(values, layout, workers: 3) == alone)
    let exact = (values[1..<30_000] + values[30_005...]).reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    #expect(abs(alone - exact) < 1e-9 * exact)
  }

  @Test func squaresDoNotOverflow() {
    let layout = ParameterLayout([ParameterGroup(0..<2, decays: true)])
    #expect(abs(norm([3e30, 4e30], layout) / 5e30 - 1) < 1e-6)
    #expect(norm([.infinity, 1], layout) == .infinity)
    #expect(norm([.nan, 1], layout).isNaN)
  }

  /// `clip_grad_norm_([3, 4, 0, 12], 1)` of PyTorch leaves 12 as 0.923076868.
  @Test func scaleIsPyTorchs() {
    #expect(12 * Clipping.norm(1).scale(norm: 13) == 0.923076868)
    #expect(Clipping.norm(1).scale(norm: 0.5) == 1)
    #expect(Clipping.norm(1).scale(norm: 0) == 1)
    #expect(Clipping.norm(1).scale(norm: .nan).isNaN)
    #expect(Clipping.none.scale(norm: 1e9) == 1)
    #expect(Clipping.value(2).limit == 2)
    #expect(Clipping.norm(2).limit == .infinity)
  }
}
