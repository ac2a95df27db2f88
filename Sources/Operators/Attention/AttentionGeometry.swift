import Compute

/// Where the heads of an attention lie, and how its score matrices are cut into tiles: from shapes alone.
struct AttentionGeometry {
  let batch, heads, queries, keys: Int
  /// Channels of a head: of queries and keys, and of values.
  let width, valueWidth: Int
  let scale: Float
  let isCausal: Bool
  /// The inputs that hold queries, keys and values, the channel at which they start there and the channels of a token.
  let query, key, value: Place
  /// The input that holds the bias, and its extents along batch and heads.
  let bias: (input: Int, batch: Int, heads: Int)?

  struct Place {
    let input, offset, leading, tokens, width: Int

    /// The first float of a head of a sample; its tokens follow at `leading`.
    @inline(__always)
    func start(_ sample: Int, _ head: Int) -> Int { sample * tokens * leading + offset + head * width }
  }

  /// Score matrices are cut into tiles of `queryRows` x `blockKeys`.
  let queryRows, blockKeys: Int
  /// Floats from one row of a tile of scores to the next: whole vectors, and not a power of two, whose rows would fight
  /// for the same places of the cache.
  let scoreLeading: Int

  /// - Parameters:
  ///   - count: The number of inputs.
  ///   - shape: The shape of each.
  @inline(__always)
  init(_ attention: ScaledDotProductAttention, count: Int, _ shape: (_ input: Int) -> Shape) {
    heads = attention.heads
    batch = shape(0)[0]
    queries = shape(0)[1]
    isCausal = attention.isCausal
    let first = shape(0).channels
    switch attention.operands {
    case .separate:
      (width, valueWidth) = (first / heads, shape(2).channels / heads)
      keys = shape(1)[1]
      query = Place(input: 0, offset: 0, leading: first, tokens: queries, width: width)
      key = Place(input: 1, offset: 0, leading: first, tokens: keys, width: width)
      value = Place(input: 2, offset: 0, leading: shape(2).channels, tokens: keys, width: valueWidth)
    case .keysWithValues:
      (width, valueWidth) = (first / heads, first / heads)
      keys = shape(1)[1]
      query = Place(input: 0, offset: 0, leading: first, tokens: queries, width: width)
      key = Place(input: 1, offset: 0, leading: 2 * first, tokens: keys, width: width)
      value = Place(input: 1, offset: first, leading: 2 * first, tokens: keys, width: width)
    case .packed:
      (width, valueWidth) = (first / (3 * heads), first / (3 * heads))
      keys = queries
      query = Place(input: 0, offset: 0, leading: first, tokens: queries, width: width)
      key = Place(input: 0, offset: first / 3, leading: first, tokens: queries, width: width)
      value = Place(input: 0, offset: first / 3 * 2, leading: first, tokens: queries, width: width)
    }
    scale = attention.scale ?? 1 / Float(width).squareRoot()
    let index = attention.operands.count
    bias = count > index ? (index, shape(index)[0], shape(index)[1]) : nil
    learnsBias = bias != nil && attention.learnsBias
    blockKeys = EvenTiles.size(keys, most: attention.tileLimits.keys)
    queryRows = EvenTiles.size(queries, most: attention.tileLimits.queries)
    let vectors = (blockKeys + 15) / 16
    scoreLeading = (vectors % 4 == 0 ? vectors + 1 : vectors) * 16
  }

  private let learnsBias: Bool

  var queryTiles: Int { (queries + queryRows - 1) / queryRows }
  var keyBlocks: Int { (keys + blockKeys - 1) / blockKeys }

  func queryTile(_ tile: Int) -> Range<Int> { tile * queryRows..<min((tile + 1) * queryRows, queries) }
  func keyBlock(_ block: Int) -> Range<Int> { block * blockKeys..<min((block + 1) * blockKeys, keys) }

  /// Rows of scores in all.
  var rowCount: Int { batch * heads * queries }

  /// The row of scores that is a head's first.
  func firstRow(_ sample: Int, _ head: Int) -> Int { (sample * heads + head) * queries }

  /// The first float of the bias of a head of a sample.
  func biasStart(_ sample: Int, _ head: Int) -> Int {
    guard let bias else { return 0 }
    return ((bias.batch == 1 ? 0 : sample) * bias.heads + (bias.heads == 1 ? 0 : head)) * queries * keys
  }

  /// How many keys of a block a query sees, from the block's first.
  @inline(__always)
  func visible(_ block: Range<Int>, to query: Int) -> Int {
    isCausal ? max(0, min(query + 1, block.upperBound) - block.lowerBound) : block.count
  }

  /// Whether no query of a tile sees any key of a block.
  func isHidden(_ block: Range<Int>, from tile: Range<Int>) -> Bool { isCausal && block.lowerBound >= tile.upperBound }
}

/// Who computes which gradients. A gradient of keys and values belongs to a block of keys, that of a bias to all
/// samples and heads that share it; a worker that owns both needs no other.
extension AttentionGeometry {
  /// The samples and heads that are one worker's: those that share a learned bias, otherwise a single head.
  var ownerCount: Int {
    guard learnsBias, let bias else { return batch * heads }
    return bias.batch * bias.heads
  }

  /// The samples of an owner, and its heads.
  func owned(by owner: Int) -> (samples: Range<Int>, heads: Range<Int>) {
    let rows = learnsBias ? bias!.heads : heads, sample = owner / rows, head = owner % rows
    return (
      learnsBias && bias!.batch == 1 ? 0..<batch : sample..<sample + 1,
      learnsBias && bias!.heads == 1 ? 0..<heads : head..<head + 1
    )
  }

  /// With few owners each shares its blocks of keys with others, up to eight tasks in all; each such part leaves sums
  /// of its own for the gradient of the queries. Sharing queries instead would compute every score twice: 7 products
  /// for 5.
  var parts: Int { min(max(1, 8 / ownerCount), keyBlocks) }

  func blocks(ofPart part: Int) -> Range<Int> {
    part * keyBlocks / parts..<(part + 1) * keyBlocks / parts
  }

  /// Floats that the parts' sums take together, none when there is a single part.
  var queryGradientPartials: Int { parts > 1 ? parts * batch * queries * heads * width : 0 }
}
