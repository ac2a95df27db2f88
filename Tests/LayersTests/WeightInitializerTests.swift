import Compute
import Graphs
import Layers
import Testing

/// The start of each kind of weight: mean, deviation and bounds of 73,728 draws, and what the draws depend on.
@Suite struct WeightInitializerTests {
  /// A convolution of 64 to 128 channels, 3x3: fan in 576, fan out 1152.
  func start(_ weights: WeightInitializer, name: String = "conv", seed: UInt64 = 1) throws -> [Float] {
    try LayerTrace([1, 4, 4, 64]) { $0.conv(name, 128, kernel: 3, weights: weights) }
      .start("\(name).weight", seed: seed)
  }

  @Test func kaimingKeepsTheVarianceOfOneSide() throws {
    for (fan, size) in [(WeightInitializer.Fan.fanIn, 576.0), (.fanOut, 1152)] {
      let moments = Moments(try start(.kaimingNormal(fan))), wanted = (2 / size).squareRoot()
      #expect(abs(moments.mean) < 0.02 * wanted && abs(moments.deviation - wanted) < 0.01 * wanted)
      // 73,728 normal draws reach beyond four deviations, and hardly beyond six.
      #expect(Double(moments.most) > 3.5 * wanted && Double(moments.most) < 6.5 * wanted)
      #expect(Double(moments.least) < -3.5 * wanted && Double(moments.least) > -6.5 * wanted)
    }
  }

  @Test func uniformStaysWithinItsBound() throws {
    let moments = Moments(try start(.uniformFanIn)), bound = Float(1) / 24
    #expect(moments.most <= bound && moments.most > 0.999 * bound)
    #expect(moments.least >= -bound && moments.least < -0.999 * bound)
    #expect(abs(moments.deviation - Double(bound) / 3.0.squareRoot()) < 0.01 * Double(bound))
    #expect(abs(moments.mean) < 2e-4)
  }

  @Test func normalHasTheStatedDeviation() throws {
    let moments = Moments(try start(.normal(0.01)))
    #expect(abs(moments.deviation - 0.01) < 1e-4 && abs(moments.mean) < 2e-4)
  }

  @Test func truncationIsAbsolute() throws {
    // PyTorch's bounds of ±2 lie a hundred deviations out here, and one deviation out there.
    let narrow = Moments(try start(.truncatedNormal(0.02)))
    #expect(abs(narrow.deviation - 0.02) < 2e-4 && narrow.most > 0.07 && narrow.most < 0.13)
    let wide = Moments(try start(.truncatedNormal(2)))
    #expect(wide.most <= 2 && wide.least >= -2 && wide.most > 1.99)
    // A normal cut at one deviation has the deviation 0.5396 of the whole.
    #expect(abs(wide.deviation - 2 * 0.5396) < 0.01)
  }

  @Test func constantsAreConstant() throws {
    #expect(try start(.constant(0.25)).allSatisfy { $0 == 0.25 })
  }

  /// Biases of PyTorch's layers are uniform within 1/sqrt(fan in), not zero.
  @Test func biasesFollowTheFanIn() throws {
    let layer = try LayerTrace([1, 256]) { $0.linear("fc", 4096) }
    let moments = Moments(try layer.start("fc.bias"))
    #expect(moments.most <= 1.0 / 16 && moments.most > 0.99 / 16 && moments.least < -0.99 / 16)
    #expect(abs(moments.deviation - 1 / 16 / 3.0.squareRoot()) < 1e-3)
    let zero = try LayerTrace([1, 256]) { $0.linear("fc", 64, biases: .constant(0)) }
    #expect(try zero.start("fc.bias").allSatisfy { $0 == 0 })
  }

  /// Groups and depth-wise filters: the fan in is that of one group, the fan out that of all outputs, as in PyTorch.
  @Test func fansOfGroups() throws {
    let layer = try LayerTrace([1, 4, 4, 512]) { $0.conv("dw", 512, kernel: 3, groups: 512) }
    let bound = Float(1) / 3
    let moments = Moments(try layer.start("dw.weight"))
    #expect(moments.most <= bound && moments.most > 0.99 * bound)
    let kaiming = try LayerTrace([1, 4, 4, 512]) {
      $0.conv("dw", 512, kernel: 3, groups: 512, weights: .kaimingNormal(.fanOut))
    }
    let wanted = (2.0 / (512 * 9)).squareRoot()
    #expect(abs(Moments(try kaiming.start("dw.weight")).deviation - wanted) < 0.05 * wanted)
  }

  @Test func startsDependOnSeedAndNameAlone() throws {
    let one = try start(.normal(1))
    #expect(try one == start(.normal(1)))
    #expect(try one != start(.normal(1), seed: 2))
    #expect(try one != start(.normal(1), name: "conv2"))
    // What else the network has does not matter.
    let longer = try LayerTrace([1, 4, 4, 64]) {
      $0.conv("before", 64, kernel: 1).conv("conv", 128, kernel: 3, weights: .normal(1)).linear("after", 3)
    }
    #expect(try longer.start("conv.weight") == one)
  }
}
