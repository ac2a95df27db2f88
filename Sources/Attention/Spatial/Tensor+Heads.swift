import Graphs
import Layers

extension Tensor {
  /// softmax(q kᵀ / √d) v in each of `heads` heads of d = D / heads features (Vaswani et al.; NeurIPS 2017, eq. 1 and
  /// section 3.2.2): queries `[N, L, D]` against keys and values `[N, M, D]`.
  /// - Parameter sight: what the softmax relates, for who wants to see it.
  func attending(to keys: Tensor, _ values: Tensor, heads: Int, seenAs sight: Sight = .relation) -> Tensor {
    guard isValid, keys.isValid, values.isValid else { return trace.invalid("cannot attend to what failed") }
    guard heads > 0, channels % heads == 0 else {
      return trace.invalid("cannot split \(channels) features into \(heads) heads")
    }
    let scale = 1 / Float(channels / heads).squareRoot()
    let weights = (split(heads) * scale)
      .matrixProduct(keys.split(heads), otherTransposed: true).softmax().seen(as: sight)  // [N, h, L, M]
    return weights.matrixProduct(values.split(heads))  // [N, h, L, d]
      .transposed([0, 2, 1, 3]).reshaped(shape[0], -1, channels)
  }

  /// `[N, L, D]` as `[N, h, L, d]`.
  private func split(_ heads: Int) -> Tensor {
    reshaped(shape[0], -1, heads, channels / heads).transposed([0, 2, 1, 3])
  }

  /// Whether this is an image, `[N, H, W, C]`.
  var isImage: Bool { isValid && shape.rank == 4 }

  /// The mistake of giving something else to a module that does `verb` with images.
  func notAnImage(_ verb: String) -> Tensor {
    isValid ? trace.invalid("\(verb) \(shape): wanted [N, H, W, C]") : self
  }

  /// Traces `body` on the positions of an image as tokens, `[N, H·W, C]`; tokens stay as they are.
  func asTokens(_ body: (Tensor) -> Tensor) -> Tensor {
    guard isValid, shape.rank == 4 else { return body(self) }
    let tokens = body(reshaped(shape[0], -1, channels))
    return tokens.isValid ? tokens.reshaped(shape.array.dropLast() + [tokens.channels]) : tokens
  }
}
