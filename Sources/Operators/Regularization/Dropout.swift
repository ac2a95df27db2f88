import Compute

/// Dropout: every element is zero with the given probability and else 1 / (1 - probability) times as large (Srivastava
/// et al., JMLR 2014, in its inverted form); any shape.
///
/// Element e is dropped by word (e / 16) mod 4 of the Philox block 16 (e / 64) + e mod 16 of the call's key: sixty-four
/// elements take sixteen blocks, drawn side by side. The backward pass draws them again, so nothing is kept.
public struct Dropout: Operator {
  /// 0...1.
  public let probability: Float

  public init(probability: Float) { self.probability = probability }

  public var name: String { "dropout" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] { [inputs[0]] }

  public var keeps: Kept { .nothing }

  public var inPlace: InPlace { InPlace(forward: 0, backward: 0) }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let x = call.inputs[0].pointer, y = call.outputs[0].pointer
    masked(call.inputs[0].count, call.context.random, worker) { index, count, factor in
      y.store(x.lanes(at: index, first: count) * factor, at: index, first: count)
    }
  }

  /// dx = dy / (1 - probability) where the element was not dropped.
  public func backward(_ call: BackwardCall, _ worker: Worker) {
    guard let dx = call.inputGradients[0], let dy = call.outputGradients[0]?.pointer else { return }
    masked(call.outputs[0].count, call.context.random, worker) { index, count, factor in
      dx.put(dy.lanes(at: index, first: count) * factor, at: index, first: count)
    }
  }

  /// Visits up to sixteen elements at a time with their factors, 0 or 1 / (1 - probability).
  @inline(__always)
  private func masked(
    _ count: Int, _ key: RandomKey, _ worker: Worker, _ body: (_ index: Int, _ count: Int, _ factor: Lanes) -> Void
  ) {
    let draw = KeepDraw(dropping: probability)
    for range in worker.ranges(count, by: 16_384) {
      var start = range.lowerBound
      while start < range.upperBound {
        let (w0, w1, w2, w3) = Philox.sixteenBlocks(key, from: UInt64(start / 4))
        if start + 64 <= range.upperBound {
          body(start, 16, draw.factors(w0))
          body(start + 16, 16, draw.factors(w1))
          body(start + 32, 16, draw.factors(w2))
          body(start + 48, 16, draw.factors(w3))
        } else {
          let rest = range.upperBound - start
          body(start, min(16, rest), draw.factors(w0))
          if rest > 16 { body(start + 16, min(16, rest - 16), draw.factors(w1)) }
          if rest > 32 { body(start + 32, min(16, rest - 32), draw.factors(w2)) }
          if rest > 48 { body(start + 48, rest - 48, draw.factors(w3)) }
        }
        start += 64
      }
    }
  }
}

/// Turns the upper 23 of 32 random bits into 0, with a given probability, or what keeps the mean.
struct KeepDraw {
  private let threshold: Float
  private let scale: Float

  init(dropping probability: Float) {
    threshold = 1 + Float((Double(probability) * 0x1p23).rounded(.up)) * 0x1p-23
    scale = 1 / (1 - probability)
  }

  @inline(__always)
  func factor(_ word: UInt32) -> Float { Float(bitPattern: word >> 9 | 0x3F80_0000) < threshold ? 0 : scale }

  /// The bits become numbers in 1..<2: comparing floats is one instruction, comparing unsigned vectors a loop.
  @inline(__always)
  func factors(_ words: SIMD16<UInt32>) -> Lanes {
    let draws = unsafeBitCast((words &>> 9) | 0x3F80_0000, to: Lanes.self)
    return Lanes(repeating: scale).replacing(with: 0, where: draws .< threshold)
  }
}
