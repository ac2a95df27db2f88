import Compute
import Datasets
import Testing

/// Bit for bit what Pillow 13 (`ImageEnhance`, mode `HSV`) and torchvision's `adjust_hue` on top of it make of a
/// million different colours, by the hash of all bytes.
@Suite struct ColorJitterTests {
  private static let picture = Pictures.colours(width: 1024, height: 1024)

  private func hash(_ change: (inout Image) -> Void) -> UInt64 {
    var image = Self.picture
    change(&image)
    return image.hash
  }

  @Test func brightness() {
    #expect(hash { $0.adjustBrightness(by: 0.7) } == 0xBC9D_0370_E93C_469A)
    #expect(hash { $0.adjustBrightness(by: 1.4) } == 0xBD9A_A579_0614_0B4F)
  }

  @Test func contrast() {
    #expect(hash { $0.adjustContrast(by: 0.7) } == 0xD353_DA3B_5596_056A)
    #expect(hash { $0.adjustContrast(by: 1.4) } == 0x875A_60E7_DB68_F05A)
  }

  @Test func saturation() {
    #expect(hash { $0.adjustSaturation(by: 0.7) } == 0xE854_3AE5_AAE0_C4CD)
    #expect(hash { $0.adjustSaturation(by: 1.4) } == 0xA332_ECCC_B5EB_1001)
  }

  @Test func hue() {
    #expect(hash { $0.turnHue(by: 0.1) } == 0xD83B_15DE_156A_98D3)
    #expect(hash { $0.turnHue(by: -0.3) } == 0x3B17_C5B9_04EE_409D)
    #expect(hash { $0.turnHue(by: 0) } == 0x6AAB_2CD5_F89B_7955)
  }

  @Test func greyKeepsItsColour() {
    let grey = Pictures.corner(width: 20, height: 20).grey
    var changed = grey
    changed.adjustSaturation(by: 0.2)
    changed.turnHue(by: 0.4)
    #expect(changed == grey)
    changed.adjustBrightness(by: 0)
    #expect(changed.pixels.allSatisfy { $0 == 0 })
  }

  @Test func drawsDifferFromStreamToStreamAndZeroChangesNothing() {
    let jitter = ColorJitter(brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1)
    let picture = Pictures.corner(width: 16, height: 16)
    let results = Set(
      (0..<50).map { epoch in
        var image = picture
        var random = RandomStream(RandomKey(3).appending(epoch))
        jitter.apply(to: &image, drawing: &random)
        return image
      })
    #expect(results.count == 50)
    var image = picture
    var random = RandomStream(RandomKey(3))
    ColorJitter().apply(to: &image, drawing: &random)
    #expect(image == picture)
  }
}
