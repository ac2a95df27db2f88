import Compute

/// Everything random about one scene, in units of its side; what a renderer needs to draw it at any size.
struct SceneDrawing {
  /// From back to front; the last is the main object.
  private(set) var figures: [Figure] = []
  let background: Fill
  /// The light's direction in the picture, of length 1.
  let light: (x: Float, y: Float)
  /// The amplitude of the film grain, of the full range.
  let grain: Float
  /// Where the grain's numbers come from.
  private(set) var grainKey: RandomKey
  private let key: RandomKey

  /// One object: its shape turned, scaled and placed.
  struct Figure {
    let shape: SceneShape
    var x: Float, y: Float
    let radius: Float
    let turn: Rotation
    let fill: Fill
  }

  /// Two colours and the pattern that mixes them.
  struct Fill {
    enum Pattern: Int, CaseIterable { case plain, gradient, stripes, checks, dots, clouds }
    let pattern: Pattern
    let first: SIMD4<Float>, second: SIMD4<Float>
    let turn: Rotation
    let frequency: Float
    let phase: (x: Float, y: Float)
    let seed: UInt32
  }

  /// A rotation given by t = tan(angle / 2): cos = (1 - t²) / (1 + t²), sin = 2t / (1 + t²). Unlike the library's sine
  /// it gives the same bits on every machine.
  struct Rotation {
    let cosine: Float, sine: Float

    init(tangentOfHalf t: Float) {
      cosine = (1 - t * t) / (1 + t * t)
      sine = 2 * t / (1 + t * t)
    }

    @inline(__always)
    func undo(_ x: Lanes, _ y: Lanes) -> (Lanes, Lanes) { (cosine * x + sine * y, cosine * y - sine * x) }
  }

  init(_ key: RandomKey) {
    self.key = key
    var random = RandomStream(key)
    let palette = ScenePalette.all[random.integer(below: ScenePalette.all.count)]
    var colors = palette.objects
    for last in stride(from: colors.count - 1, to: 0, by: -1) {
      colors.swapAt(last, random.integer(below: last + 1))
    }
    let tilt = Rotation(tangentOfHalf: random.uniform(-0.4, 0.4))
    light = (-0.7071 * tilt.cosine + 0.7071 * tilt.sine, -0.7071 * tilt.cosine - 0.7071 * tilt.sine)
    background = Self.backgroundFill(palette, &random)
    grain = random.uniform(0.02, 0.14)
    grainKey = key.appending("grain")

    // The main object takes its numbers first, so that its class does not depend on how many others find a place.
    let radius = random.uniform(0.24, 0.37)
    let main = Figure(
      shape: SceneShape.allCases[random.integer(below: SceneShape.allCases.count)],
      x: random.uniform(0.88 * radius, 1 - 0.88 * radius), y: random.uniform(0.88 * radius, 1 - 0.88 * radius),
      radius: radius, turn: Rotation(tangentOfHalf: random.uniform(-0.24, 0.24)),
      fill: Self.objectFill(colors[0], colors[1], &random))
    for _ in 0..<random.integer(below: 4) {
      if let other = distractor(beside: main, colors, &random) { figures.append(other) }
    }
    figures.append(main)
  }

  /// Turns the drawing into one frame of a clip: the main object moves straight on and passes its place in the middle
  /// half of the clip. It goes two sides in all, so that it comes into sight late or leaves it early.
  mutating func move(toFrame frame: Int, of frames: Int) {
    var random = RandomStream(key.appending("motion"))
    let heading = Rotation(tangentOfHalf: random.uniform(-1, 1))
    let length: Float = random.integer(below: 2) == 0 ? 2 : -2
    let way = length * ((Float(frame) + 0.5) / Float(frames) - random.uniform(0.25, 0.75))
    figures[figures.count - 1].x += way * heading.cosine
    figures[figures.count - 1].y += way * heading.sine
    grainKey = grainKey.appending(frame)
  }

  /// A small object that the main one covers in part at most, or `nil` where no place is found.
  private func distractor(beside main: Figure, _ colors: [SIMD4<Float>], _ random: inout RandomStream) -> Figure? {
    let shape = SceneShape.allCases[random.integer(below: SceneShape.allCases.count)]
    let radius = random.uniform(0.09, 0.15)
    let turn = Rotation(tangentOfHalf: random.uniform(-0.24, 0.24))
    let color = 1 + random.integer(below: colors.count - 1)
    let fill = Self.objectFill(colors[color], colors[1 + color % (colors.count - 1)], &random)
    for _ in 0..<12 {
      let x = random.uniform(0.6 * radius, 1 - 0.6 * radius), y = random.uniform(0.6 * radius, 1 - 0.6 * radius)
      func isFree(_ other: Figure, _ distance: Float) -> Bool {
        (x - other.x) * (x - other.x) + (y - other.y) * (y - other.y) >= distance * distance
      }
      // Nearer than this, the main object's disc could cover more than half of the small one.
      let isVisible = isFree(main, main.radius + 0.1 * radius)
      if isVisible && figures.allSatisfy({ isFree($0, 0.8 * ($0.radius + radius)) }) {
        return Figure(shape: shape, x: x, y: y, radius: radius, turn: turn, fill: fill)
      }
    }
    return nil
  }

  private static func backgroundFill(_ palette: ScenePalette, _ random: inout RandomStream) -> Fill {
    let patterns: [Fill.Pattern] = [.gradient, .clouds, .clouds, .stripes, .checks, .dots]
    let pattern = patterns[random.integer(below: patterns.count)]
    let (first, second) = (jittered(palette.background[0], &random), jittered(palette.background[1], &random))
    // Regular patterns are kept faint; they are to be seen past.
    let isFaint = pattern != .gradient && pattern != .clouds
    return Fill(
      pattern: pattern, first: first, second: isFaint ? first + 0.55 * (second - first) : second,
      turn: Rotation(tangentOfHalf: random.uniform(-1, 1)), frequency: random.uniform(3, 6),
      phase: (random.uniform(0, 8), random.uniform(0, 8)), seed: random.word())
  }

  private static func objectFill(
    _ color: SIMD4<Float>, _ other: SIMD4<Float>, _ random: inout RandomStream
  ) -> Fill {
    let first = jittered(color, &random)
    let shade = random.uniform()
    let second =
      if shade < 0.4 { first * 0.68 } else if shade < 0.75 { first + 0.5 * (SIMD4(1, 1, 1, 0) - first) } else {
        jittered(other, &random)
      }
    let pattern = Fill.Pattern.allCases[random.integer(below: Fill.Pattern.allCases.count)]
    return Fill(
      pattern: pattern, first: first, second: second, turn: Rotation(tangentOfHalf: random.uniform(-1, 1)),
      frequency: random.uniform(1.2, 2), phase: (random.uniform(0, 8), random.uniform(0, 8)), seed: random.word())
  }

  private static func jittered(_ color: SIMD4<Float>, _ random: inout RandomStream) -> SIMD4<Float> {
    let brightness = random.uniform(0.85, 1.1)
    let offset = SIMD4(random.uniform(-0.06, 0.06), random.uniform(-0.06, 0.06), random.uniform(-0.06, 0.06), 0)
    return (color * brightness + offset).clamped(lowerBound: .zero, upperBound: .one)
  }
}
