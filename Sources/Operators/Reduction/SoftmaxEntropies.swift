import Compute

/// How evenly each channel is spread over an image and each place over the channels, in one reading: the entropies of
/// both softmaxes of a map, H = -Σ p ln p in nats, and the mean over its channels.
///
/// Input: x `[N, H, W, C]`. Outputs: the entropy over the places and ln Σ e^x, each `[N, 1, C]`; the entropy over the
/// channels, ln Σ e^x and the mean, each `[N, H, W, 1]`: what `SoftmaxEntropy` of `[N, H W, C]` along axis 1,
/// `SoftmaxEntropy` along the channels and `Mean` give, which read x three times and take every power twice.
///
/// With any shift m, z = x - m and S = Σ e^z it is H = ln S - Σ z e^z / S, so that one power serves both sums
/// (`SoftmaxEntropies+Forward.swift`).
public struct SoftmaxEntropies: Operator {
  public init() {}

  public var name: String { "softmax_entropies" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let x = inputs[0]
    guard x.rank == 4 else { throw ShapeError("cannot take both entropies of \(x): wanted [N, H, W, C]") }
    let channels: Shape = [x[0], 1, x[3]], places: Shape = [x[0], x[1], x[2], 1]
    return [channels, channels, places, places, places]
  }

  public var keeps: Kept { Kept(inputs: [0], outputs: [0, 1, 2, 3]) }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    let tiles = ImageTiles(inputs[0])
    switch pass {
    case .forward: return Scratch(shared: 3 * tiles.partialCount, perWorker: ChannelSums.floats(tiles.channels))
    case .backward: return Scratch(perWorker: ChannelSlopes.floats(tiles.channels))
    }
  }

  /// dx = -Σ dy p (x - E) + dmean / C over both softmaxes, p = e^(x - L), L = ln Σ e^x; ln p + H is x less its
  /// expectation E = L - H.
  ///
  /// p = e^(x - m) e^(m - L), so that one power of an element serves both where the factors e^(m - L) are not large.
  /// With the image's largest L for m no power exceeds one.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0] else { return }
    let tiles = ImageTiles(call.inputs[0].shape), channels = tiles.channels
    let x = UnsafePointer(call.inputs[0].pointer)
    let entropies = call.outputs[2].pointer, logarithms = call.outputs[3].pointer
    let dentropies = call.outputGradients[2]?.pointer, dmeans = call.outputGradients[4]?.pointer
    for index in worker.tiles(tiles.count) {
      let tile = tiles.tile(index)
      let map = ChannelSlopes(call, tile.image, channels, in: call.context.scratch(of: worker))
      for pixel in tile.pixels {
        let row = pixel * channels, logarithm = logarithms[pixel]
        // Vectors from the start: numbers are combined lane by lane, in thrice the instructions.
        let expectation = Lanes(repeating: logarithm - entropies[pixel])
        let slope = dentropies?[pixel] ?? 0, share = Lanes(repeating: (dmeans?[pixel] ?? 0) / Float(channels))
        if map.isNear && map.reaches(logarithm) {
          let scaled = Lanes(repeating: slope * map.factor(of: logarithm))
          inLanes(0..<channels) { channel, count in
            let lanes = x.lanes(at: row + channel, first: count)
            let sum = map.slopes(channel) * (lanes - map.expectations(channel)) + scaled * (lanes - expectation)
            dx.put(share - (lanes - map.shift).boundedExponential * sum, at: row + channel, first: count)
          }
        } else {
          inLanes(0..<channels) { channel, count in
            let lanes = x.lanes(at: row + channel, first: count)
            let overChannels = slope * (lanes - logarithm).boundedExponential * (lanes - expectation)
            let overPlaces = map.term(lanes, channel, count)
            dx.put(share - overChannels - overPlaces, at: row + channel, first: count)
          }
        }
      }
    }
  }

  /// What the backward pass needs of every channel of an image.
  private struct ChannelSlopes {
    /// The largest ln Σ e^x of the image's channels.
    let shift: Float
    /// Whether no channel's ln Σ e^x lies far below the largest.
    let isNear: Bool
    private let scaled, expected: UnsafeMutablePointer<Float>
    private let logarithms: UnsafePointer<Float>
    private let slopes: UnsafePointer<Float>?

    static func floats(_ channels: Int) -> Int { 2 * ChannelPeriod(channels: channels).padded }

    init(_ call: BackwardCall, _ image: Int, _ channels: Int, in scratch: UnsafeMutablePointer<Float>) {
      scaled = scratch
      expected = scratch + ChannelPeriod(channels: channels).padded
      logarithms = UnsafePointer(call.outputs[1].pointer) + image * channels
      slopes = call.outputGradients[0].map { UnsafePointer($0.pointer) + image * channels }
      let entropies = call.outputs[0].pointer + image * channels
      var largest = Lanes(repeating: -.infinity), least = Lanes(repeating: .infinity)
      inLanes(0..<channels) { [logarithms, expected] channel, count in
        let lanes = logarithms.lanes(at: channel, first: count)
        expected.store(lanes - entropies.lanes(at: channel, first: count), at: channel)
        let high = lanes.keeping(first: count, orElse: -.infinity), low = lanes.keeping(first: count, orElse: .infinity)
        largest.replace(with: high, where: high .> largest)
        least.replace(with: low, where: low .< least)
      }
      shift = largest.largest
      isNear = -(-least).largest >= shift - Self.reach
      inLanes(0..<channels) { [logarithms, slopes, scaled, shift] channel, count in
        let slope = slopes?.lanes(at: channel, first: count) ?? Lanes(repeating: 0)
        scaled.store(slope * (shift - logarithms.lanes(at: channel, first: count)).boundedExponential, at: channel)
      }
    }

    /// How far below the shift a logarithm may lie: e^40 and what it multiplies are floats of full precision.
    private static let reach: Float = 40

    func reaches(_ logarithm: Float) -> Bool { logarithm >= shift - Self.reach }

    /// e^(shift - logarithm).
    @inline(__always)
    func factor(of logarithm: Float) -> Float { Lanes(repeating: shift - logarithm).boundedExponential[0] }

    /// dy e^(shift - L) of sixteen channels, of use where all are near.
    @inline(__always)
    func slopes(_ channel: Int) -> Lanes { scaled.lanes(at: channel) }

    @inline(__always)
    func expectations(_ channel: Int) -> Lanes { expected.lanes(at: channel) }

    /// dy p (x - E) with a power of its own.
    @inline(__always)
    func term(_ x: Lanes, _ channel: Int, _ count: Int) -> Lanes {
      guard let slopes else { return Lanes(repeating: 0) }
      let power = (x - logarithms.lanes(at: channel, first: count)).boundedExponential
      return slopes.lanes(at: channel, first: count) * power * (x - expected.lanes(at: channel))
    }
  }
}
