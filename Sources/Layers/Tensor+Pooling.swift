import Compute
import Graphs
import Operators

/// Pooling over windows and bins of `[N, H, W, C]`.
extension Tensor {
  public func maxPool(
    kernel: Extent2D, stride: Extent2D? = nil, padding: Extent2D = 0, ceilMode: Bool = false
  ) -> Tensor {
    applying(MaxPool2D(kernel: kernel, stride: stride, padding: padding, ceilMode: ceilMode))
  }

  public func averagePool(
    kernel: Extent2D, stride: Extent2D? = nil, padding: Extent2D = 0, countsPadding: Bool = true, ceilMode: Bool = false
  ) -> Tensor {
    applying(
      AveragePool2D(kernel: kernel, stride: stride, padding: padding, countsPadding: countsPadding, ceilMode: ceilMode))
  }

  public func adaptiveAveragePool(_ output: Extent2D) -> Tensor { applying(AdaptiveAveragePool2D(output: output)) }
  public func adaptiveMaxPool(_ output: Extent2D) -> Tensor { applying(AdaptiveMaxPool2D(output: output)) }

  /// The image at another height and width.
  public func resized(to output: Extent2D, _ method: Resize2D.Method) -> Tensor { applying(Resize2D(to: output, method)) }
}
