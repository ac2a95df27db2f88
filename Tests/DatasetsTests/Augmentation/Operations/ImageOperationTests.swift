import Datasets
import Testing

/// Bit for bit what torchvision 0.28's `_apply_op` makes of a picture on top of Pillow 13, at every magnitude and in
/// both directions, by the hash of all bytes.
@Suite struct ImageOperationTests {
  private static let colours = Pictures.corner(width: 40, height: 30)
  /// A third of the brightness, so that stretching and spreading have something to do.
  private static let dim = Image(width: 40, height: 30, channels: 3, pixels: colours.pixels.map { $0 / 3 + 40 })

  private func hash(
    _ operation: PolicyOperation, _ image: Image, _ scale: MagnitudeScale, _ style: WarpStyle = WarpStyle()
  ) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for magnitude in 0..<scale.count {
      for isNegative in [false, true] {
        var image = image
        let drawn = scale.operation(
          operation, magnitude: magnitude, isNegative: isNegative && operation.isSigned, size: image.size)
        if let drawn { image.apply(drawn, style) }
        for byte in image.pixels { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
      }
    }
    return hash
  }

  @Test(
    arguments: [
      (.identity, 0x6C47_FECB_BAD3_E481, 0x6C47_FECB_BAD3_E481, 0x9A2E_8537_0E62_F40D),
      (.shearX, 0xD97E_2CE8_FBF1_370D, 0x3E59_DFA9_BC39_A662, 0xD4C7_AF54_2A6A_FA80),
      (.shearY, 0x7BBD_EC44_DE53_9626, 0x415B_BDB1_052F_415C, 0xC9FB_778D_3808_A94C),
      (.translateX, 0xF40C_29DE_E9C8_D6A5, 0x5ED7_5311_7A6D_E3CE, 0x2B7B_1097_1A26_E877),
      (.translateY, 0x104B_FC09_B53E_9117, 0x4109_DBE7_992E_F812, 0x21F2_3368_607A_D031),
      (.rotate, 0xFFA3_102C_051B_794E, 0x0B3B_FE94_5CCC_5FC3, 0xEB04_2A14_CB18_8B59),
      (.brightness, 0xE9A5_AC40_3A37_3584, 0xB86D_D5A5_B79E_EBDE, 0x245D_F12B_E7DA_0D56),
      (.color, 0xCD96_2F7E_E29C_5A29, 0x9292_D0FC_E6E8_F8AE, 0x9A2E_8537_0E62_F40D),
      (.contrast, 0x89DD_1A2D_2F61_4C46, 0x5679_3E25_7645_8189, 0xFDAA_990B_73B9_0E03),
      (.sharpness, 0xC073_C525_76B3_C31D, 0x5616_7A6A_28BF_624D, 0x555B_F6FF_872C_7249),
      (.posterize, 0x99E1_B482_8A6F_0995, 0xA5BE_08F9_0DEF_8AA1, 0xB49D_FA69_6E54_766D),
      (.solarize, 0x489A_D466_08DB_B6E5, 0x489A_D466_08DB_B6E5, 0x99DB_16CC_DCAE_7DA5),
      (.autoContrast, 0x5F1D_0F19_22E0_2151, 0x5F1D_0F19_22E0_2151, 0x1EF1_2EE9_1599_6CD5),
      (.equalize, 0x948D_6ADC_1996_1765, 0x948D_6ADC_1996_1765, 0xE9E2_7D0D_4081_98DD),
      (.invert, 0x5333_130A_F3C8_76F1, 0x5333_130A_F3C8_76F1, 0x6978_BBB4_D88C_716D),
    ] as [(PolicyOperation, UInt64, UInt64, UInt64)])
  func equalsTorchvision(operation: PolicyOperation, usual: UInt64, wide: UInt64, grey: UInt64) {
    #expect(hash(operation, Self.dim, MagnitudeScale(count: 31)) == usual)
    #expect(hash(operation, Self.dim, MagnitudeScale(count: 31, reach: .wide)) == wide)
    #expect(hash(operation, Self.colours.grey, MagnitudeScale(count: 10), WarpStyle(fill: [200])) == grey)
  }

  @Test(
    arguments: [
      (.shearX, 0x6D64_38F6_93BE_5D1E, 0x1958_F50D_5F86_DEEB), (.shearY, 0x42E7_FD55_BD78_2370, 0xDF6C_C46E_C4C1_3573),
      (.translateX, 0xE138_6842_5DC5_556B, 0xE138_6842_5DC5_556B),
      (.translateY, 0x4B8C_34B6_101A_671E, 0x4B8C_34B6_101A_671E),
      (.rotate, 0xA15E_976E_5385_B9F0, 0xA46A_9B18_A263_D614),
    ] as [(PolicyOperation, UInt64, UInt64)])
  func equalsTorchvisionBetweenPixels(operation: PolicyOperation, bilinear: UInt64, bicubic: UInt64) {
    let scale = MagnitudeScale(count: 31), fill: [UInt8] = [124, 116, 104]
    #expect(hash(operation, Self.colours, scale, WarpStyle(interpolation: .bilinear, fill: fill)) == bilinear)
    #expect(hash(operation, Self.colours, scale, WarpStyle(interpolation: .bicubic, fill: fill)) == bicubic)
  }

  /// timm's own operation: `solarize_add(img, 99)`.
  @Test func solarizeAdd() {
    var image = Image(width: 5, height: 1, channels: 1, pixels: [0, 28, 127, 128, 255])
    image.apply(.solarizeAdd(99), WarpStyle())
    #expect(image.pixels == [99, 127, 226, 128, 255])
    image = Image(width: 3, height: 1, channels: 1, pixels: [0, 127, 128])
    image.apply(.solarizeAdd(200), WarpStyle())
    #expect(image.pixels == [200, 255, 128])
  }

  @Test func tinyAndFlatPicturesStay() {
    for (width, height) in [(1, 1), (2, 9), (9, 2)] {
      let image = Pictures.corner(width: width, height: height)
      var sharp = image
      sharp.adjustSharpness(by: 0)
      #expect(sharp == image, "no pixel has eight neighbours")
    }
    let flat = Image(width: 20, height: 20, channels: 3, pixels: [UInt8](repeating: 9, count: 1200))
    var changed = flat
    changed.stretchContrast()
    changed.equalize()
    #expect(changed == flat)
    var bounds = Image(width: 2, height: 1, channels: 1, pixels: [10, 11])
    bounds.stretchContrast()
    #expect(bounds.pixels == [0, 255])
  }

  /// A quarter turn of a square is exact: the top left corner comes to the bottom left.
  @Test(arguments: Interpolation.allCases) func quarterTurn(interpolation: Interpolation) {
    let image = Pictures.corner(width: 7, height: 7)
    var turned = image
    turned.apply(.rotate(90), WarpStyle(interpolation: interpolation))
    for row in 0..<7 {
      for column in 0..<7 {
        for channel in 0..<3 { #expect(turned[6 - column, row, channel] == image[row, column, channel]) }
      }
    }
  }

  @Test func theFillHasTheChannelsOfThePicture() {
    var colour = Pictures.corner(width: 3, height: 1), grey = colour.grey
    colour.apply(.translateX(3), WarpStyle(fill: [7]))
    #expect(colour.pixels == [UInt8](repeating: 7, count: 9))
    grey.apply(.translateX(3), WarpStyle(fill: [255, 0, 0]))
    #expect(grey.pixels == [76, 76, 76], "a network's only channel is the luma")
  }
}
