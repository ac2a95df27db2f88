import Compute

/// The products of an attention: with a tile of scores on one side, or making one.
extension AttentionGeometry {
  /// Working memory for the transposed keys (or values) of a block: none where heads are no whole vectors.
  func panelFloats(_ channels: Int) -> Int { channels % 16 == 0 ? KeyPanels.padded(blockKeys) * channels : 0 }

  /// Rows of a tile times a block of tokens: scores[i, j] = Σ_c rows[i, c] · tokens[j, c].
  struct Scoring {
    let plan: AttentionGeometry
    let tokens: UnsafePointer<Float>
    let leading, channels, count: Int
    let memory: UnsafeMutablePointer<Float>

    /// - Parameter memory: Working memory, `panelFloats` of it, that stays untouched while this is in use.
    init(
      _ plan: AttentionGeometry, _ tokens: UnsafePointer<Float>, leading: Int, channels: Int, count: Int,
      memory: UnsafeMutablePointer<Float>
    ) {
      self.plan = plan
      self.tokens = tokens
      self.leading = leading
      self.channels = channels
      self.count = count
      self.memory = memory
      if channels % 16 == 0 { panels.fill(from: tokens, leading: leading) }
    }

    private var panels: KeyPanels { KeyPanels(memory: memory, channels: channels, tokens: count) }

    func callAsFunction(
      _ rows: UnsafePointer<Float>, leading rowLeading: Int, count rowCount: Int,
      into scores: UnsafeMutablePointer<Float>
    ) {
      if channels % 16 == 0 {
        panels.scores(of: rows, leading: rowLeading, rows: rowCount, into: scores, leading: plan.scoreLeading)
      } else {
        matrixProduct(
          m: rowCount, n: count, k: channels, MatrixOperand(rows, leading: rowLeading),
          MatrixOperand(tokens, leading: leading, transposed: true), into: scores, leading: plan.scoreLeading)
      }
    }
  }

  /// C = S B, or C = Sᵀ B: a tile of scores, or its transpose, times rows of a head's channels. `rows` are those of C,
  /// `steps` those of B.
  func multiply(
    _ scores: UnsafePointer<Float>, transposed: Bool = false, rows: Int, steps: Int, _ b: UnsafePointer<Float>,
    leading bLeading: Int, into c: UnsafeMutablePointer<Float>, leading: Int, channels: Int, accumulate: Bool
  ) {
    if channels % 16 == 0 {
      HeadProduct(
        a: scores, rowStride: transposed ? 1 : scoreLeading, stepStride: transposed ? scoreLeading : 1, steps: steps
      )(b, leading: bLeading, into: c, leading: leading, rows: rows, columns: channels, accumulate: accumulate)
    } else {
      matrixProduct(
        m: rows, n: channels, k: steps, MatrixOperand(scores, leading: scoreLeading, transposed: transposed),
        MatrixOperand(b, leading: bLeading), into: c, leading: leading, accumulate: accumulate)
    }
  }
}
