import Compute
import Graphs
import Operators

extension Tensor {
  /// A two-dimensional convolution to `outputs` channels.
  ///
  /// Parameters `name.weight` (in files `[O, C/groups, kh, kw]`) and `name.bias`. One filter for each channel
  /// (groups = C = O) runs as a depth-wise convolution.
  public func conv(
    _ name: String, _ outputs: Int, kernel: Extent2D, stride: Extent2D = 1, padding: Extent2D = 0,
    dilation: Extent2D = 1, groups: Int = 1, bias: Bool = false, weights: WeightInitializer = .uniformFanIn,
    biases: WeightInitializer = .uniformFanIn
  ) -> Tensor {
    guard isValid else { return self }
    guard shape.rank == 4, groups > 0, channels % groups == 0, outputs % groups == 0, outputs > 0 else {
      return trace.scope(name) {
        trace.invalid("cannot convolve \(shape) to \(outputs) channels in \(groups) groups: wanted [N, H, W, C]")
      }
    }
    let groupChannels = channels / groups, taps = kernel.height * kernel.width
    let fanIn = groupChannels * taps, fanOut = outputs * taps
    let fileShape = [outputs, groupChannels, kernel.height, kernel.width]
    let isDepthwise = groups > 1 && groups == channels && outputs == channels
    return trace.scope(name) {
      var operands = [
        isDepthwise
          ? trace.parameter(
            "weight", [kernel.height, kernel.width, channels], fileLayout: FileLayout(shape: fileShape, axes: [2, 3, 0, 1]),
            initializer: weights.resolved(fanIn: fanIn, fanOut: fanOut), decays: true)
          : trace.parameter(
            "weight", [outputs, kernel.height, kernel.width, groupChannels],
            fileLayout: FileLayout(shape: fileShape, axes: [0, 2, 3, 1]),
            initializer: weights.resolved(fanIn: fanIn, fanOut: fanOut), decays: true)
      ]
      if bias {
        operands.append(
          trace.parameter("bias", [outputs], initializer: biases.resolved(fanIn: fanIn, fanOut: fanOut), decays: false))
      }
      return isDepthwise
        ? applying(DepthwiseConv2D(stride: stride, padding: padding, dilation: dilation), with: operands)
        : applying(Conv2D(stride: stride, padding: padding, dilation: dilation, groups: groups), with: operands)
    }
  }

  /// A convolution along the middle axis of `[N, L, C]`, to `outputs` channels.
  ///
  /// Parameters `name.weight` (in files `[O, C, taps]`) and `name.bias`.
  public func conv1D(
    _ name: String, _ outputs: Int, taps: Int, padding: Int = 0, dilation: Int = 1, bias: Bool = false,
    weights: WeightInitializer = .uniformFanIn, biases: WeightInitializer = .uniformFanIn
  ) -> Tensor {
    guard isValid, shape.rank == 3, outputs > 0, taps > 0 else {
      return trace.scope(name) { trace.invalid("cannot convolve \(shape) along its length: wanted [N, L, C]") }
    }
    let column = reshaped(shape[0], shape[1], 1, channels)
    return trace.scope(name) {
      let initializer = weights.resolved(fanIn: channels * taps, fanOut: outputs * taps)
      var operands = [
        trace.parameter(
          "weight", [outputs, taps, 1, channels],
          fileLayout: FileLayout(shape: [outputs, channels, taps], axes: [0, 2, 1]), initializer: initializer,
          decays: true)
      ]
      if bias {
        let initializer = biases.resolved(fanIn: channels * taps, fanOut: outputs * taps)
        operands.append(trace.parameter("bias", [outputs], initializer: initializer, decays: false))
      }
      let convolution = Conv2D(padding: Extent2D(padding, 0), dilation: Extent2D(dilation, 1))
      return column.applying(convolution, with: operands).reshaped(shape[0], -1, outputs)
    }
  }

  /// A convolution by filters that are computed or constant, `[kh, kw, C]`, one for each channel.
  public func depthwiseConv(
    _ filters: Tensor, stride: Extent2D = 1, padding: Extent2D = 0, dilation: Extent2D = 1
  ) -> Tensor {
    applying(DepthwiseConv2D(stride: stride, padding: padding, dilation: dilation), with: [filters])
  }

  /// A convolution of `taps` along the channels, zero outside: how ECA lets neighbouring channels talk.
  /// - Parameter perChannel: whether every channel has taps of its own, or all share them.
  public func channelConv(_ name: String, taps: Int, perChannel: Bool = false) -> Tensor {
    guard isValid else { return self }
    return trace.scope(name) {
      let weight = trace.parameter(
        "weight", perChannel ? [channels, taps] : [taps],
        fileLayout: .same([perChannel ? channels : 1, 1, taps]),
        initializer: WeightInitializer.uniformFanIn.resolved(fanIn: taps, fanOut: taps), decays: true)
      return applying(ChannelConv1D(), with: [weight])
    }
  }
}
