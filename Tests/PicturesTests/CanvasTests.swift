import Foundation
import Pictures
import Testing

/// What is drawn where, and what the written file is.
@Suite struct CanvasTests {
  private let red = Color(0xFF0000)
  private let blue = Color(0x0000FF)

  @Test func fileIsPNGOfThePromisedSize() throws {
    let path = temporaryPath("size.png")
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Canvas(width: 30, height: 20, scale: 2).writePNG(to: path)
    let bytes = [UInt8](try #require(FileManager.default.contents(atPath: path)))
    #expect(sizeOfPNG(bytes).map { [$0.width, $0.height] } == [60, 40])
    #expect(!FileManager.default.fileExists(atPath: path + ".partial"))
  }

  @Test func shapesCoverTheirPixelsOnly() {
    let canvas = Canvas(width: 20, height: 20, scale: 2)
    canvas.fill(Rectangle(x: 5, y: 5, width: 4, height: 4), red)
    canvas.disc(at: Point(x: 15, y: 15), radius: 3, blue)
    canvas.line(from: Point(x: 0, y: 1), to: Point(x: 20, y: 1), blue, lineWidth: 1)
    #expect(canvas.color(column: 10, row: 10) == red)
    #expect(canvas.color(column: 17, row: 17) == red)
    #expect(canvas.color(column: 18, row: 18) == .white)
    #expect(canvas.color(column: 30, row: 30) == blue)
    #expect([0, 1, 2, 3].map { canvas.color(column: 8, row: $0) } == [.white, blue, blue, .white])
  }

  @Test func imageKeepsItsPixels() {
    let pixels: [UInt8] = [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7]
    let canvas = Canvas(width: 8, height: 8, scale: 1)
    canvas.draw(
      PixelImage(width: 2, height: 2, pixels: pixels), in: Rectangle(x: 2, y: 2, width: 4, height: 4), smooth: false)
    #expect(canvas.color(column: 1, row: 1) == .white)
    #expect(canvas.color(column: 2, row: 2) == Color(0xFF0000))
    #expect(canvas.color(column: 4, row: 3) == Color(0x00FF00))
    #expect(canvas.color(column: 3, row: 4) == Color(0x0000FF))
    #expect(canvas.color(column: 5, row: 5) == Color(0x090807))
  }

  @Test func greyBecomesThreeEqualColours() throws {
    let image = PixelImage(width: 2, height: 1, channels: 1, pixels: [10, 200])
    #expect(image.rgb == [10, 10, 10, 200, 200, 200])
    #expect(sizeOfPNG(try image.pngBytes()).map { [$0.width, $0.height] } == [2, 1])
  }

  @Test func textIsInkWithinItsMeasuredWidth() {
    let canvas = Canvas(width: 100, height: 20, scale: 1)
    let font = Font(size: 12)
    canvas.text("loss\n", at: Point(x: 10, y: 10), font)
    let inked = (0..<100).filter { column in (0..<20).contains { canvas.color(column: column, row: $0) != .white } }
    #expect(inked.min()! >= 10 && inked.max()! <= 10 + Int(canvas.width(of: "loss", font).rounded(.up)))
    #expect(inked.count > 10)
  }

  @Test func longTextIsCutToFit() {
    let canvas = Canvas(width: 100, height: 20)
    let font = Font(size: 12)
    let cut = canvas.shortened("a very long class name indeed", toFit: 60, font)
    #expect(cut.hasPrefix("a v") && cut.hasSuffix("…") && canvas.width(of: cut, font) <= 60)
    #expect(canvas.shortened("cat", toFit: 60, font) == "cat")
    #expect(canvas.shortened("cat", toFit: 1, font) == "")
  }

  @Test func refusedFileIsNamedWithTheReason() {
    let canvas = Canvas(width: 4, height: 4)
    #expect(throws: PictureError(path: "/nowhere/p.png", reason: "No such file or directory")) {
      try canvas.writePNG(to: "/nowhere/p.png")
    }
    let message = PictureError(path: "/nowhere/p.png", reason: "No such file or directory").description
    #expect(message == "/nowhere/p.png: cannot write the picture: No such file or directory")
  }

  #if os(Linux)
    @Test func fullDiskIsAnError() {
      #expect(throws: PictureError(path: "/dev/full", reason: "No space left on device")) {
        try Canvas.write([1, 2, 3], to: "/dev/full")
      }
    }
  #endif
}

/// A file name of this process in the folder for temporary files.
func temporaryPath(_ name: String) -> String {
  FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString)-\(name)").path
}

/// The size that a PNG's header states; `nil` where the bytes do not open as a PNG (RFC 2083, section 4.1.1).
func sizeOfPNG(_ bytes: [UInt8]) -> (width: Int, height: Int)? {
  guard bytes.count > 24, bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) else { return nil }
  func integer(at offset: Int) -> Int { bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } }
  return (integer(at: 16), integer(at: 20))
}
