import Pictures
import Testing

/// Verdicts show in the right colour at the right picture.
@Suite struct LabelledPicturesTests {
  private func item(_ predicted: String, _ truth: String?, _ probability: Double, grey: UInt8 = 128)
    -> LabelledPictures.Item
  {
    LabelledPictures.Item(
      image: PixelImage(width: 4, height: 4, channels: 1, pixels: Array(repeating: grey, count: 16)),
      predicted: predicted, truth: truth, probability: probability)
  }

  @Test func framesTellRightFromWrongFromUnknown() {
    let items = [item("cat", "cat", 0.9), item("cat", "dog", 0.9, grey: 40), item("cat", nil, 0.9)]
    let canvas = LabelledPictures(items: items, columns: 3, side: 100).rendered(scale: 1)
    // Pictures begin at 20, 136 and 252 points; the frame's line lies just outside.
    #expect([19, 135, 251].map { canvas.color(column: $0, row: 70) } == [.correct, .wrong, Color.series[0]])
    #expect(canvas.color(column: 70, row: 70) == Color(0x808080))
    #expect(canvas.color(column: 186, row: 70) == Color(0x282828))
  }

  @Test func barIsAsLongAsTheProbability() {
    let canvas = LabelledPictures(items: [item("cat", "cat", 0.5)], columns: 1, side: 138).rendered(scale: 1)
    // The bar is 100 points long, from 20 to 120, in the rows from 183 to 189.
    let filled = (20..<120).filter { canvas.color(column: $0, row: 186) == .correct }
    #expect(abs(filled.count - 50) <= 1)
    #expect(canvas.color(column: 90, row: 186) == .mist)
  }

  @Test func rowsBreakAfterTheStatedColumns() {
    let items = Array(repeating: item("a", nil, 1), count: 5)
    let canvas = LabelledPictures(items: items, columns: 2, side: 60).rendered(scale: 1)
    #expect(canvas.pixelWidth == 20 + 60 + 16 + 60 + 20)
    #expect(canvas.pixelHeight == 20 + 3 * (60 + 50) + 2 * 16 + 20)
  }

  @Test func oddItemsAreDrawnWithoutTrouble() throws {
    let long = String(repeating: "Hippopotamus amphibius ", count: 20)
    let wide = LabelledPictures.Item(
      image: PixelImage(width: 300, height: 1, pixels: Array(repeating: 7, count: 900)), predicted: "", truth: "",
      probability: 2)
    for items in [[], [item(long, long + "!", .nan)], [item("犬 🐕", "é", -1), wide]] {
      let bytes = try LabelledPictures(title: "odd", items: items).rendered().pngBytes()
      #expect(sizeOfPNG(bytes) != nil)
    }
  }
}
