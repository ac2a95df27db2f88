import Pictures
import Testing

/// Panels stand in their rows and take the height that they say.
@Suite struct PicturePanelsTests {
  private func item(_ color: [UInt8], _ name: String = "a") -> PicturePanels.Item {
    PicturePanels.Item(image: PixelImage(width: 1, height: 1, pixels: color), name: name, note: "1×1")
  }

  @Test func `Each picture fills its place`() {
    let items = [item([255, 0, 0]), item([0, 255, 0]), item([0, 0, 255], String(repeating: "long ", count: 90))]
    let panels = PicturePanels(items: items, columns: 2)
    #expect(panels.side(width: 214) == 100)
    #expect(panels.height(width: 214) == 2 * (100 + 34) + 14)
    let canvas = Canvas(width: 254, height: 20 + panels.height(width: 214) + 20, scale: 1)
    panels.draw(on: canvas, at: Point(x: 20, y: 20), width: 214)
    #expect(canvas.color(column: 25, row: 25) == Color(0xFF0000))
    #expect(canvas.color(column: 139, row: 115) == Color(0x00FF00))
    #expect(canvas.color(column: 25, row: 173) == Color(0x0000FF))
    #expect((20..<300).allSatisfy { canvas.color(column: 127, row: $0) == .white }, "names stay below their pictures")
  }

  @Test func `Nothing takes no room`() { #expect(PicturePanels(items: [], columns: 3).height(width: 100) == 0) }
}
