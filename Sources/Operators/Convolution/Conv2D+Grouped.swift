import Compute

/// Grouped convolution without matrix products: a slice of channels at a time, on packed bands of rows that carry their
/// padding, so that the kernels of `Conv2D+GroupedKernels.swift` meet no border.
extension ConvolutionGeometry {
  /// Whether groups are narrow enough: from here on a matrix product a group is as fast.
  var suitsGrouped: Bool { groups > 1 && groupChannels <= 64 && groupOutputs <= 64 }

  /// Working memory of one of the three products, without the filter gradient's partial sums.
  func groupedScratch(for product: ConvolutionProduct) -> Scratch {
    let direction = GroupedDirection(self, turnsBack: product == .dataGradient)
    guard product == .filterGradient else {
      return Scratch(shared: direction.packedFilterFloats, perWorker: direction.bandFloats)
    }
    let slopes = direction.bandRows * outputWidth * 16 * direction.vectors
    return Scratch(perWorker: direction.bandFloats + direction.packedFilterFloats + slopes)
  }

  /// The forward pass, or with `turnsBack` the data gradient. All workers pack the filters together.
  func correlateGroups(
    _ source: UnsafeMutablePointer<Float>, _ weight: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    turnsBack: Bool, into target: GradientTarget, packed: UnsafeMutablePointer<Float>,
    _ band: UnsafeMutablePointer<Float>, _ worker: Worker
  ) {
    let direction = GroupedDirection(self, turnsBack: turnsBack), slices = direction.slices, bands = direction.bands
    for slice in worker.tiles(slices) {
      direction.packFilters(weight, slice: slice, into: packed + slice * direction.sliceFloats)
    }
    worker.barrier()
    // Neighbouring slices share cache lines of every pixel, so one worker takes about 64 channels of them.
    let together = max(1, 64 / (16 * direction.vectors)), blocks = (slices + together - 1) / together
    for tile in worker.tiles(images * bands * blocks) {
      let (unit, block) = tile.quotientAndRemainder(dividingBy: blocks)
      let (image, number) = unit.quotientAndRemainder(dividingBy: bands)
      let rows = direction.rows(of: number)
      for slice in block * together..<min((block + 1) * together, slices) {
        direction.packSources(source, image: image, rows: rows, slice: slice, into: band)
        direction.correlate(
          band, packed + slice * direction.sliceFloats, bias, image: image, rows: rows, slice: slice, into: target)
      }
    }
  }

  /// Adds one chunk's part of the filter gradient (none where `x` is `nil`) and of the bias gradient to its sums.
  func addGroupProducts(
    _ chunk: Int, _ dy: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>?,
    to sums: UnsafeMutablePointer<Float>, _ biasSums: UnsafeMutablePointer<Float>?,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let direction = GroupedDirection(self, turnsBack: false), bands = direction.bands, units = images * bands
    let own = chunk * units / filterGradientChunks..<(chunk + 1) * units / filterGradientChunks
    let products = scratch + direction.bandFloats, slopes = products + direction.packedFilterFloats
    products.update(repeating: 0, count: direction.packedFilterFloats)
    for unit in own {
      let (image, number) = unit.quotientAndRemainder(dividingBy: bands), rows = direction.rows(of: number)
      if let biasSums {
        let first = (image * outputHeight + rows.lowerBound) * outputWidth
        addRows(dy + first * outputChannels, rows: rows.count * outputWidth, width: outputChannels, to: biasSums)
      }
      guard let x else { continue }
      for slice in 0..<direction.slices {
        direction.packSources(x, image: image, rows: rows, slice: slice, into: scratch)
        direction.packSlopes(dy, image: image, rows: rows, slice: slice, into: slopes)
        direction.addProducts(scratch, slopes, rows: rows, to: products + slice * direction.sliceFloats)
      }
    }
    if x == nil { return }
    for slice in 0..<direction.slices {
      direction.unpackProducts(products + slice * direction.sliceFloats, slice: slice, to: sums)
    }
  }
}

extension GroupedDirection {
  /// Copies the filters of one slice: for each tap, in the order of `TapAxis.slot`, and each source a vector of targets
  /// or two.
  func packFilters(
    _ weight: UnsafeMutablePointer<Float>, slice: Int, into packed: UnsafeMutablePointer<Float>
  ) {
    packed.update(repeating: 0, count: sliceFloats)
    visitFilters(of: slice) { weightIndex, place in packed[place] = weight[weightIndex] }
  }

  /// Adds the products of one slice to filter gradients `[O, kh, kw, C/groups]`.
  func unpackProducts(
    _ packed: UnsafeMutablePointer<Float>, slice: Int, to sums: UnsafeMutablePointer<Float>
  ) {
    visitFilters(of: slice) { weightIndex, place in sums[weightIndex] += packed[place] }
  }

  @inline(__always)
  private func visitFilters(of number: Int, _ body: (_ weight: Int, _ packed: Int) -> Void) {
    let slice = slice(number), width = 16 * vectors
    for tap in 0..<taps {
      let slot = plane.rows.slot(of: tap / kernelWidth) * kernelWidth + plane.columns.slot(of: tap % kernelWidth)
      for source in 0..<sources {
        let place = (slot * sources + source) * width
        for group in 0..<slice.groups {
          for target in 0..<slice.targets {
            body(
              weight(slice.group + group, tap: tap, source: source, target: slice.firstTarget + target),
              place + group * slice.targets + target)
          }
        }
      }
    }
  }

  /// Copies the source channels of a slice under rows of outputs, zero outside the image: a wide group's as they are,
  /// of narrow groups a vector for each source of a group, in which every lane finds its own group's.
  func packSources(
    _ source: UnsafeMutablePointer<Float>, image: Int, rows: Range<Int>, slice number: Int,
    into band: UnsafeMutablePointer<Float>
  ) {
    let reach = plane.reach(of: rows), slice = slice(number), channels = groups * sources
    let height = plane.rows.sources, width = plane.columns.sources, depth = depth
    let inside = reach.columns.clamped(to: 0..<width)
    var place = band
    for row in reach.rows {
      guard row >= 0 && row < height && !inside.isEmpty else {
        place.update(repeating: 0, count: reach.columns.count * depth)
        place += reach.columns.count * depth
        continue
      }
      let left = (inside.lowerBound - reach.columns.lowerBound) * depth
      place.update(repeating: 0, count: left)
      place += left
      var pixel = source + ((image * height + row) * width + inside.lowerBound) * channels + slice.group * sources
      for _ in inside {
        if isNarrow {
          spread(pixel, groups: slice.groups, into: place)
        } else {
          place.update(from: pixel, count: sources)
        }
        pixel += channels
        place += depth
      }
      let right = (reach.columns.upperBound - inside.upperBound) * depth
      place.update(repeating: 0, count: right)
      place += right
    }
  }

  @inline(__always)
  private func spread(_ pixel: UnsafeMutablePointer<Float>, groups: Int, into place: UnsafeMutablePointer<Float>) {
    let sources = sources, targets = Float(targets)
    // Numbers of lanes as floats: comparing vectors of integers is a loop, not an instruction.
    let lane = Lanes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    for source in 0..<sources {
      var lanes = Lanes(repeating: pixel[source])
      for group in 1..<max(groups, 1) {
        lanes.replace(with: pixel[group * sources + source], where: lane .>= Float(group) * targets)
      }
      place.store(lanes, at: source * 16)
    }
  }

  /// Copies the channels of a slice of rows of slopes, with zeros in the lanes that are left.
  func packSlopes(
    _ dy: UnsafeMutablePointer<Float>, image: Int, rows: Range<Int>, slice number: Int,
    into slopes: UnsafeMutablePointer<Float>
  ) {
    let slice = slice(number), width = plane.columns.outputs, channels = groups * targets, vectors = vectors
    var pixel = dy + (image * plane.rows.outputs + rows.lowerBound) * width * channels + slice.group * targets
    pixel += slice.firstTarget
    var place = slopes
    for _ in 0..<rows.count * width {
      place.store(pixel.lanes(at: 0, first: min(16, slice.count)), at: 0)
      if vectors == 2 {
        place.store(slice.count > 16 ? pixel.lanes(at: 16, first: slice.count - 16) : Lanes(repeating: 0), at: 16)
      }
      pixel += channels
      place += 16 * vectors
    }
  }
}
