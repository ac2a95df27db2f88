import Compute

/// Draws a scene, sixteen pixels at a time: background, then each object with its shadow from back to front, then film
/// grain.
struct SceneRenderer {
  let drawing: SceneDrawing
  /// The side of the picture, in pixels.
  let side: Int
  /// The original's side is this many times the picture's.
  let scale: Int

  /// The picture at `side * scale` pixels, every edge antialiased.
  func original() -> Image {
    let size = side * scale
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * size * Canvas.stride(size)) { memory in
      let canvas = Canvas(planes: memory.baseAddress!, size: size)
      paintBackground(on: canvas)
      for figure in drawing.figures { paint(figure, on: canvas) }
      return withGrain(canvas)
    }
  }

  /// The mean of each `scale` x `scale` pixels of the original, rounded half up.
  func reduced(_ original: Image) -> Image {
    if scale == 1 { return original }
    let area = scale * scale, line = original.width * 3
    let pixels = [UInt8](unsafeUninitializedCapacity: side * side * 3) { pixels, count in
      original.pixels.withUnsafeBufferPointer { source in
        for row in 0..<side {
          for column in 0..<side {
            for channel in 0..<3 {
              let corner = row * scale * line + column * scale * 3 + channel
              var sum = area / 2
              for down in 0..<scale {
                for right in 0..<scale { sum &+= Int(source[corner + down * line + 3 * right]) }
              }
              pixels[(row * side + column) * 3 + channel] = UInt8(truncatingIfNeeded: sum / area)
            }
          }
        }
      }
      count = side * side * 3
    }
    return Image(width: side, height: side, channels: 3, pixels: pixels)
  }

  /// The picture's pixels whose centres lie inside the object, 1 or 0.
  func mask(of figure: SceneDrawing.Figure) -> [UInt8] {
    var mask = [UInt8](repeating: 0, count: side * side)
    for row in 0..<side {
      let y = Lanes(repeating: (Float(row) + 0.5) / Float(side))
      for column in stride(from: 0, to: side, by: 16) {
        let (u, v) = figure.local(Canvas.centers(from: column, of: side), y)
        let distance = figure.shape.distance(u, v)
        for lane in 0..<min(16, side - column) where distance[lane] < 0 { mask[row * side + column + lane] = 1 }
      }
    }
    return mask
  }

  private func paintBackground(on canvas: Canvas) {
    let fill = drawing.background
    for row in 0..<canvas.size {
      let y = Lanes(repeating: (Float(row) + 0.5) / Float(canvas.size) - 0.5)
      for column in stride(from: 0, to: canvas.size, by: 16) {
        let x = Canvas.centers(from: column, of: canvas.size) - 0.5
        let share = fill.share(x, y, pixel: 1 / Float(canvas.size))
        // A little darker away from the light.
        let shade = 1 + 0.16 * (x * drawing.light.x + y * drawing.light.y)
        for channel in 0..<3 {
          let color = fill.first[channel] + share * (fill.second[channel] - fill.first[channel])
          canvas.store(color * shade, row, column, channel)
        }
      }
    }
  }

  private func paint(_ figure: SceneDrawing.Figure, on canvas: Canvas) {
    let size = canvas.size, fill = figure.fill, light = drawing.light
    let pixel = 1 / (Float(size) * figure.radius)
    // With its shadow an object reaches a little beyond its disc.
    let reach = 1.35 * figure.radius
    let firstColumn = max(0, Int((figure.x - reach) * Float(size))) / 16 * 16
    let endColumn = min(size, Int((figure.x + reach) * Float(size)) + 2)
    let firstRow = max(0, Int((figure.y - reach) * Float(size)))
    let endRow = min(size, Int((figure.y + reach) * Float(size)) + 2)
    // Nothing where the object has left the picture.
    for row in stride(from: firstRow, to: endRow, by: 1) {
      let y = Lanes(repeating: (Float(row) + 0.5) / Float(size))
      for column in stride(from: firstColumn, to: endColumn, by: 16) {
        let x = Canvas.centers(from: column, of: size)
        let (u, v) = figure.local(x, y)
        let distance = figure.shape.distance(u, v)
        let coverage = (0.5 - distance * (1 / pixel)).limited(0, 1)

        // The shadow falls away from the light, by a tenth of the radius.
        let (shadowU, shadowV) = figure.local(x + 0.1 * figure.radius * light.x, y + 0.1 * figure.radius * light.y)
        let depth = (0.5 - figure.shape.distance(shadowU, shadowV) * (1 / 0.3)).limited(0, 1)
        let dimming = 1 - 0.4 * depth

        let rim = (1 + distance * (1 / 0.14)).limited(0, 1)
        let slope = ((x - figure.x) * light.x + (y - figure.y) * light.y) * (1 / figure.radius)
        let shade = 1.02 + 0.16 * slope - 0.22 * rim
        let share = fill.share(u, v, pixel: pixel)
        for channel in 0..<3 {
          let color = (fill.first[channel] + share * (fill.second[channel] - fill.first[channel])) * shade
          let behind = canvas.load(row, column, channel) * dimming
          canvas.store(behind + coverage * (color - behind), row, column, channel)
        }
      }
    }
  }

  /// Adds the grain and rounds to bytes.
  ///
  /// Grain is drawn once a pixel of the reduced picture and interpolated in between, so that it survives the reduction
  /// and leaves the original without detail that could not be recovered from it.
  private func withGrain(_ canvas: Canvas) -> Image {
    let size = canvas.size, nodes = side + 1
    let grain = grain(count: nodes * nodes)
    var line = [Float](repeating: 0, count: Canvas.stride(size))
    let pixels = [UInt8](unsafeUninitializedCapacity: size * size * 3) { pixels, count in
      for row in 0..<size {
        interpolate(grain, atRow: row, into: &line)
        for column in stride(from: 0, to: size, by: 16) {
          let added = line.withUnsafeBufferPointer { $0.baseAddress!.lanes(at: column) }
          for channel in 0..<3 {
            let value = (canvas.load(row, column, channel) + added).limited(0, 1) * 255
            // Adding 1.5 * 2^23 rounds to the nearest integer and leaves that integer in the low bits.
            let bits = unsafeBitCast(value + 0x1.8p23, to: SIMD16<UInt32>.self)
            for lane in 0..<min(16, size - column) {
              pixels[(row * size + column + lane) * 3 + channel] = UInt8(truncatingIfNeeded: bits[lane])
            }
          }
        }
      }
      count = size * size * 3
    }
    return Image(width: size, height: size, channels: 3, pixels: pixels)
  }

  /// The grain along one row of the original, bilinear between the grid's nodes.
  private func interpolate(_ grain: [Float], atRow row: Int, into line: inout [Float]) {
    let nodes = side + 1, above = row / scale * nodes
    let b = (Float(row % scale) + 0.5) / Float(scale)
    var left = grain[above] + b * (grain[above + nodes] - grain[above])
    for column in 0..<side {
      let corner = above + column + 1
      let right = grain[corner] + b * (grain[corner + nodes] - grain[corner])
      for step in 0..<scale {
        line[column * scale + step] = left + (Float(step) + 0.5) / Float(scale) * (right - left)
      }
      left = right
    }
  }

  /// Numbers up to ±`drawing.grain`, each from the sum of a word's two halves: a triangular density, near enough to
  /// film.
  private func grain(count: Int) -> [Float] {
    var grain: [Float] = []
    grain.reserveCapacity(count + 3)
    for block in 0..<((count + 3) / 4) {
      let words = Philox.block(drawing.grainKey, UInt64(block))
      for lane in 0..<4 {
        let sum = Float(words[lane] & 0xFFFF) + Float(words[lane] >> 16)
        grain.append(drawing.grain * (sum * 0x1p-16 - 1))
      }
    }
    return grain
  }
}

/// Three colour planes whose rows are padded to whole lanes, so that no edge needs a case of its own.
private struct Canvas {
  let planes: UnsafeMutablePointer<Float>
  let size: Int

  static func stride(_ size: Int) -> Int { (size + 15) / 16 * 16 }

  /// The centres of sixteen pixels, in units of the side.
  @inline(__always)
  static func centers(from column: Int, of size: Int) -> Lanes {
    let steps = Lanes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    return (steps + (Float(column) + 0.5)) * (1 / Float(size))
  }

  @inline(__always)
  func load(_ row: Int, _ column: Int, _ channel: Int) -> Lanes {
    planes.lanes(at: (channel * size + row) * Self.stride(size) + column)
  }

  @inline(__always)
  func store(_ lanes: Lanes, _ row: Int, _ column: Int, _ channel: Int) {
    planes.store(lanes, at: (channel * size + row) * Self.stride(size) + column)
  }
}

extension SceneDrawing.Figure {
  /// Points of the picture in the object's own frame.
  @inline(__always)
  fileprivate func local(_ x: Lanes, _ y: Lanes) -> (Lanes, Lanes) {
    let (u, v) = turn.undo(x - self.x, y - self.y)
    return (u * (1 / radius), v * (1 / radius))
  }
}
