import Datasets
import Testing

/// Bit for bit what Pillow 13 makes of the same pictures (`Image.resize(size, BILINEAR)`), by the hash of all bytes.
@Suite struct ResamplingTests {
  @Test(
    arguments: [
      (64, 41, 0x4F54_5DB1_1352_951A, 0x094C_0446_E122_2D14), (150, 41, 0xA0FF_78BA_CB6B_870F, 0x70F5_43E5_AC48_FC62),
      (64, 97, 0x5DBE_6652_3D74_045F, 0xB279_3790_916C_4FE1), (200, 131, 0x0745_CCD8_ECF4_73B8, 0x9CC0_648B_B528_1357),
      (33, 20, 0x8F59_92E5_932B_EE89, 0x0AD5_9FD5_2B16_6DDB), (1, 1, 0xA2B0_3419_6EA4_C42F, 0xAF63_F24C_8602_11EE),
      (7, 200, 0xB6D2_3DE3_280D_4C0D, 0xDD82_DCC2_5478_42FD),
    ] as [(Int, Int, UInt64, UInt64)])
  func equalsPillow(width: Int, height: Int, colours: UInt64, greys: UInt64) {
    let image = Pictures.corner(width: 150, height: 97)
    #expect(image.resized(to: ImageSize(width: width, height: height)).hash == colours)
    #expect(image.grey.resized(to: ImageSize(width: width, height: height)).hash == greys)
  }

  @Test func sameSizeIsUntouched() {
    let image = Pictures.corner(width: 15, height: 9)
    #expect(image.resized(to: image.size) == image)
  }

  /// 4 -> 2 by hand: weights 0.375, 0.375, 0.125 after the cut at the border, and the mirror image of them.
  @Test func halvingByHand() {
    let image = Image(width: 4, height: 1, channels: 1, pixels: [0, 80, 160, 240])
    #expect(image.resized(to: ImageSize(width: 2, height: 1)).pixels == [57, 183])
  }
}
