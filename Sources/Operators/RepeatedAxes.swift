import Compute

/// A tensor seen as `[outer, repeats, inner]` beside a smaller one seen as `[outer, inner]`: a map and its gate, or a
/// map and its mean.
///
/// `[N, H, W, C]` over its pixels is `[N, H·W, C]`, over its channels `[N·H·W, C, 1]`, as a whole `[1, N·H·W·C, 1]`; a
/// bias of channels is `[1, N·H·W, C]`. Both directions read and write the large tensor in tiles of about 16,384
/// elements; sums over the repeats leave one partial result a tile, merged in the order of the tiles.
struct RepeatedAxes {
  private(set) var outer = 1
  private(set) var repeats = 1
  private(set) var inner = 1
  /// The partial results of each sum: tiles along the repeats.
  let chunks: Int
  let tileCount: Int
  private let repeatsPerTile: Int
  private let innerPerTile: Int
  private let outersPerTile: Int

  /// The tensor of `shape` when the axes for which `isRepeated` holds lie side by side, else `nil`. Extents of 1 are
  /// nowhere.
  init?(_ shape: Shape, _ isRepeated: (_ axis: Int) -> Bool) {
    for axis in 0..<shape.rank where shape[axis] != 1 {
      if isRepeated(axis) {
        guard inner == 1 else { return nil }
        repeats *= shape[axis]
      } else if repeats == 1 {
        outer *= shape[axis]
      } else {
        inner *= shape[axis]
      }
    }
    // Blocks of 1,024 keep the running sums of very wide rows (a position embedding) in L1; chains of at most 512
    // additions keep the rounding of a sum below 1e-6.
    innerPerTile = inner <= 2_048 ? inner : 1_024
    repeatsPerTile = inner == 1 ? 16_384 : min(max(16_384 / innerPerTile, 16), 512)
    chunks = (repeats + repeatsPerTile - 1) / repeatsPerTile
    outersPerTile = chunks > 1 ? 1 : max(1, 16_384 / (repeats * innerPerTile))
    let innerTiles = (inner + innerPerTile - 1) / innerPerTile
    tileCount = (outer + outersPerTile - 1) / outersPerTile * chunks * innerTiles
  }

  /// The part of both tensors that one worker handles at a time.
  struct Tile {
    let outers: Range<Int>
    let repeats: Range<Int>
    let inner: Range<Int>
    let chunk: Int
  }

  func tile(_ index: Int) -> Tile {
    let innerTiles = (inner + innerPerTile - 1) / innerPerTile
    let innerStart = index % innerTiles * innerPerTile
    let chunk = index / innerTiles % chunks
    let outerStart = index / (innerTiles * chunks) * outersPerTile
    return Tile(
      outers: outerStart..<min(outerStart + outersPerTile, outer),
      repeats: chunk * repeatsPerTile..<min((chunk + 1) * repeatsPerTile, repeats),
      inner: innerStart..<min(innerStart + innerPerTile, inner), chunk: chunk)
  }

  /// The floats after which kernels begin a vector anew.
  var vectorRows: Int { inner == 1 ? repeats : inner }

  /// The floats that one partial result a tile takes: `[outer, chunks, inner]`.
  var partialCount: Int { outer * chunks * inner }

  /// Where a tile puts the partial result of `outer`, inner position 0.
  func partial(_ outer: Int, _ chunk: Int) -> Int { (outer * chunks + chunk) * inner }

  /// Visits the smaller tensor's elements: `body` gets the first element of up to sixteen and the offset of its first
  /// partial result; the others follow at `partialStride`.
  func results(_ worker: Worker, _ body: (_ element: Int, _ partial: Int, _ count: Int) -> Void) {
    // With a single partial result an element, the outer extent is no boundary.
    let rows = chunks == 1 ? 1 : outer, width = chunks == 1 ? outer * inner : inner
    let block = 1_024, blocks = (width + block - 1) / block
    for index in worker.tiles(rows * blocks) {
      let row = index / blocks, start = index % blocks * block
      inLanes(start..<min(start + block, width)) { position, count in
        body(row * width + position, row * chunks * width + position, count)
      }
    }
  }

  var partialStride: Int { inner }
}
