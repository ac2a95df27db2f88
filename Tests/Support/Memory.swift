import Compute
import Operators

/// Fresh memory that holds NaN until something is written to it, so that reading too early shows.
struct Memory {
  private var blocks: [Block] = []

  mutating func take(_ count: Int) -> UnsafeMutablePointer<Float> {
    let block = Block(count)
    blocks.append(block)
    return block.pointer
  }

  mutating func view(_ shape: Shape, _ values: [Float]? = nil) -> TensorView {
    let view = TensorView(take(shape.count), shape)
    if let values { view.assign(values) }
    return view
  }

  /// A context with as much scratch memory as the operator asks for, keyed by `RandomKey(3)`.
  mutating func context(
    _ subject: any Operator, _ pass: Pass, _ inputs: [Shape], _ outputs: [Shape], workers: Int
  ) -> CallContext {
    let scratch = subject.scratch(for: pass, inputs: inputs, outputs: outputs)
    return CallContext(
      memory: take(CallContext.floatCount(scratch, workers: workers)), scratch: scratch, random: RandomKey(3))
  }

  private final class Block {
    let pointer: UnsafeMutablePointer<Float>
    init(_ count: Int) {
      pointer = .allocate(capacity: max(count, 1))
      pointer.initialize(repeating: .nan, count: max(count, 1))
    }
    deinit { pointer.deallocate() }
  }
}
