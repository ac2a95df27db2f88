import Compute
import Pictures

/// Gradient-weighted class activation mapping (Grad-CAM; Selvaraju et al.; ICCV 2017, eq. 1-2): where the last feature
/// map speaks for a class.
enum GradCAM {
  /// One map for each image, by its own α: α_k = mean over the places of ∂y/∂A_k, map = ReLU(Σ_k α_k A_k).
  /// - Parameters:
  ///   - features: A, `[N, H, W, C]`.
  ///   - gradients: ∂y/∂A of a class's score y before the softmax, of the same shape.
  static func maps(_ features: TensorView, _ gradients: TensorView) -> [HeatMap] {
    let shape = Shape([1] + features.shape.array.dropFirst()), each = shape.count
    return (0..<features.shape[0]).map { image in
      map(TensorView(features.pointer + image * each, shape), TensorView(gradients.pointer + image * each, shape))
    }
  }

  private static func map(_ features: TensorView, _ gradients: TensorView) -> HeatMap {
    let (rows, columns, channels) = (features.shape[1], features.shape[2], features.shape[3])
    var weights = [Double](repeating: 0, count: channels)
    for index in 0..<gradients.count { weights[index % channels] += Double(gradients[index]) }
    let values = (0..<rows * columns).map { place in
      let sum = (0..<channels).reduce(0.0) { $0 + weights[$1] * Double(features[place * channels + $1]) }
      return Float(max(0, sum / Double(rows * columns)))
    }
    return HeatMap(rows: rows, columns: columns, values: values)
  }
}
