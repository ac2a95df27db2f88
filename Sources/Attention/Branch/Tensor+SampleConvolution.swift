import Compute
import Graphs
import Layers
import Operators

extension Tensor {
  /// Every sample convolved with filters of its own: `[N, H, W, C]` by `[N, O, k, k, C/groups]`, padded to keep the
  /// image's size at stride 1.
  ///
  /// A grouped convolution of one image whose channels are those of all samples, one after the other: its groups are
  /// those of each sample.
  func convolved(bySample filters: Tensor, stride: Int, groups: Int) -> Tensor {
    guard isValid, filters.isValid else { return trace.invalid("cannot convolve what failed") }
    let (images, height, width) = (shape[0], shape[1], shape[2])
    let (outputs, kernel) = (filters.shape[1], filters.shape[2])
    let (stride, padding) = (Extent2D(stride), Extent2D(kernel / 2))
    let side = transposed([1, 2, 0, 3]).reshaped(1, height, width, images * channels)
    let convolved: Tensor
    if groups == channels && outputs == channels {
      let taps = filters.reshaped(images * channels, kernel * kernel).transposed([1, 0])
      convolved = side.depthwiseConv(
        taps.reshaped(kernel, kernel, images * channels), stride: stride, padding: padding)
    } else {
      let stacked = filters.reshaped(images * outputs, kernel, kernel, filters.channels)
      convolved = side.applying(Conv2D(stride: stride, padding: padding, groups: images * groups), with: [stacked])
    }
    guard convolved.isValid else { return convolved }
    return convolved.reshaped(convolved.shape[1], convolved.shape[2], images, outputs).transposed([2, 0, 1, 3])
  }

  /// A set of `count` filters called `weight`, mixed for every sample by `shares` `[N, count]` to
  /// `[N, outputs, k, k, C/groups]`.
  func mixedFilters(
    _ shares: Tensor, _ count: Int, _ outputs: Int, kernel: Int, groups: Int, _ weights: WeightInitializer
  ) -> Tensor {
    let inputs = Swift.max(1, channels / groups)
    let filters = trace.parameter(
      "weight", [count, outputs, kernel, kernel, inputs],
      fileLayout: FileLayout(shape: [count, outputs, inputs, kernel, kernel], axes: [0, 1, 3, 4, 2]),
      initializer: weights.resolved(fanIn: inputs * kernel * kernel, fanOut: outputs * kernel * kernel), decays: true)
    return shares.matrixProduct(filters.reshaped(count, -1))  // [N, outputs · k² · C/groups]
      .reshaped(shares.shape[0], outputs, kernel, kernel, inputs)
  }
}
