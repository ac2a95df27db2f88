import Compute
import Configuration

/// How the samples of a batch are mixed with each other in training: mixup (Zhang, Cissé, Dauphin, Lopez-Paz; ICLR
/// 2018) adds two pictures, cutmix (Yun et al., ICCV 2019) puts a window of one into the other, and either mixes the
/// labels in the same proportion, as timm's `Mixup` does.
///
/// Sample i of n is mixed with sample n - 1 - i of the same replica, so the result depends on seed and replicas alone.
public struct Mixing: Hashable, Sendable {
  /// What shares one draw.
  public enum Mode: String, CaseIterable, Sendable {
    /// All samples of a replica's batch.
    case batch
    /// The two samples that are mixed with each other.
    case pair
    /// Each sample has its own.
    case elem
  }

  /// The share of a picture is drawn from Beta(alpha, alpha); 0 for no mixup.
  public let mixupAlpha: Double
  /// The same for the share that a window leaves of a picture; 0 for no cutmix.
  public let cutmixAlpha: Double
  /// That a draw mixes at all; 0...1.
  public let probability: Float
  /// That it is cutmix where both are in use; 0...1.
  public let switchProbability: Float
  public let mode: Mode

  public init(
    mixupAlpha: Double = 0, cutmixAlpha: Double = 0, probability: Float = 1, switchProbability: Float = 0.5,
    mode: Mode = .batch
  ) {
    precondition(mixupAlpha >= 0 && cutmixAlpha >= 0 && mixupAlpha + cutmixAlpha > 0, "\(mixupAlpha), \(cutmixAlpha)")
    precondition((0...1).contains(probability) && (0...1).contains(switchProbability), "\(probability)")
    self.mixupAlpha = mixupAlpha
    self.cutmixAlpha = cutmixAlpha
    self.probability = probability
    self.switchProbability = switchProbability
    self.mode = mode
  }

  /// The mix of one draw for pictures of `size`.
  package func draw(size: ImageSize, _ random: inout RandomStream) -> Mix {
    guard random.uniform() < probability else { return Mix() }
    let isCutmix = cutmixAlpha > 0 && (mixupAlpha == 0 || random.uniform() < switchProbability)
    let alpha = isCutmix ? cutmixAlpha : mixupAlpha, share = random.beta(alpha, alpha)
    guard isCutmix else { return Mix(blending: Float(share), size: size) }
    let row = random.integer(below: size.height), column = random.integer(below: size.width)
    return Mix(leaving: share, centre: (row, column), size: size)
  }
}

extension Mixing {
  /// Reads `data.mix`, such as `{mixup_alpha: 0.8, cutmix_alpha: 1, mode: batch}`; `nil` where there is none.
  /// - Throws: `ConfigError` for values out of range, and when neither alpha is above 0.
  public static func read(_ data: ConfigSection) throws(ConfigError) -> Mixing? {
    guard let mix = try data.optionalSection("mix") else { return nil }
    let mixup = try alpha(mix, "mixup_alpha"), cutmix = try alpha(mix, "cutmix_alpha")
    let probability = try mix.float("probability", default: 1, in: 0...1)
    let switching = try mix.float("switch_probability", default: 0.5, in: 0...1)
    let mode: Mode = try mix.choice("mode", default: .batch, kind: "mode")
    guard mixup + cutmix > 0 else {
      throw data.error("mix", "wanted mixup_alpha or cutmix_alpha above 0; leave the section out to mix nothing")
    }
    return Mixing(
      mixupAlpha: mixup, cutmixAlpha: cutmix, probability: Float(probability), switchProbability: Float(switching),
      mode: mode)
  }

  /// Shares drawn with less than 0.001 are 0 or 1 in single precision.
  private static func alpha(_ mix: ConfigSection, _ key: String) throws(ConfigError) -> Double {
    let alpha = try mix.float(key, default: 0, in: 0...1000)
    guard alpha == 0 || alpha >= 0.001 else {
      throw mix.error(key, "wanted 0 for none, or a number from 0.001 to 1000, found \(alpha)")
    }
    return alpha
  }
}

extension Mixing: CustomStringConvertible {
  public var description: String {
    let kinds = [("mixup", mixupAlpha), ("cutmix", cutmixAlpha)].filter { $0.1 > 0 }
    return kinds.map { "\($0) \($1)" }.joined(separator: " or ") + " by \(mode.rawValue)"
  }
}
