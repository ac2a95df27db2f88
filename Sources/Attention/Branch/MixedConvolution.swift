import Graphs
import Layers

/// A convolution for which every image mixes filters of its own from a set, by shares that it computes from its
/// channels' means: out_n = conv(x_n; Σ s_nk W_k) + Σ s_nk b_k.
///
/// Parameters `weight` (a set of `count` filters) and `bias` `[count, outputs]`. In `[N, H, W, C]`, out
/// `[N, H', W', outputs]`.
struct MixedConvolution {
  /// Output channels; those of the input when `nil`.
  let outputs: Int?
  /// Filters in the set.
  let count: Int
  /// The window's side, odd.
  let kernel: Int
  let stride: Int
  let groups: Int
  let bias: Bool
  let weights: WeightInitializer

  /// - Parameter shares: `[N, count]` from the means `[N, C]`.
  func callAsFunction(_ x: Tensor, shares: (_ means: Tensor) -> Tensor) -> Tensor {
    guard x.isImage else { return x.notAnImage("cannot convolve") }
    let width = outputs ?? x.channels
    guard x.channels % groups == 0, width % groups == 0 else {
      return x.trace.invalid("cannot convolve \(x.shape) to \(width) channels in \(groups) groups")
    }
    let shares = shares(x.mean(over: .spatial).reshaped(x.shape[0], x.channels))
    let filters = x.mixedFilters(shares, count, width, kernel: kernel, groups: groups, weights)
    let y = x.convolved(bySample: filters, stride: stride, groups: groups)
    guard bias else { return y }
    let biases = x.trace.parameter("bias", [count, width], initializer: .constant(0), decays: false)
    return y + shares.matrixProduct(biases).reshaped(x.shape[0], 1, 1, width)
  }
}
