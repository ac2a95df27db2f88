/// Six colours that go together: two for the background, four for objects that stand out from it.
struct ScenePalette {
  let background: [SIMD4<Float>]
  let objects: [SIMD4<Float>]

  private init(_ colors: UInt32...) {
    let colors = colors.map { color in
      SIMD4(Float(color >> 16), Float(color >> 8 & 255), Float(color & 255), 0) / 255
    }
    background = Array(colors[..<2])
    objects = Array(colors[2...])
  }

  static let all = [
    ScenePalette(0x2B2D42, 0x54457F, 0xEF6F6C, 0xF7B267, 0xF4E4BA, 0x70C1B3),  // dusk
    ScenePalette(0xE9F1DF, 0xC3DBB4, 0x2E6F57, 0xF08A24, 0xD1495B, 0x2E4057),  // meadow
    ScenePalette(0x0B3954, 0x1B6B93, 0xFF6663, 0xE9F5FB, 0xF2C14E, 0x8EE3C8),  // harbour
    ScenePalette(0xF3E9DC, 0xE2C7A8, 0xB6503A, 0x5E3023, 0x4F7F73, 0x2F4858),  // clay
    ScenePalette(0xFBE3E8, 0xCFE8F3, 0xE83F7B, 0x5F58E2, 0xF59A23, 0x12A594),  // sweets
    ScenePalette(0x14213D, 0x2A4478, 0xFCA311, 0xE8ECF2, 0x7CC6F2, 0xEE4B5E),  // night
    ScenePalette(0xF7F3E3, 0xDCD7C0, 0xD64045, 0x1D3354, 0x3C7AA8, 0x3F8F5B),  // paper
    ScenePalette(0x1D3B30, 0x3A6B50, 0xF1E3B0, 0xE9693F, 0xF5B04C, 0xB9DB72),  // forest
  ]
}
