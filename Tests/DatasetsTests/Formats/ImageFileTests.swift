import Datasets
import Foundation
import Testing

@Suite struct ImageFileTests {
  @Test func goesByContentNotByName() throws {
    let folder = try TemporaryFolder()
    try folder.write(Fixture.bytes("rgb.png"), to: "really-png.jpg")
    try folder.write(Fixture.bytes("baseline_444.jpg"), to: "really-jpeg.png")
    #expect(try ImageFile.decode(path: "\(folder.path)/really-png.jpg") == PNGDecoder.decode(Fixture.bytes("rgb.png")))
    #expect(try ImageFile.decode(path: "\(folder.path)/really-jpeg.png").width == 37)
  }

  @Test(arguments: [
    ("hello, this is no picture", "is text that begins with 'hello, this is n'; pictures must be JPEG or PNG"),
    ("", "is empty; pictures must be JPEG or PNG"),
    ("GIF89a", "is a GIF picture; pictures must be JPEG or PNG"),
    ("RIFF0000WEBPVP8", "is a WebP picture; pictures must be JPEG or PNG"),
    ("\u{1}\u{2}", "is an unknown format that begins with the bytes 01 02; pictures must be JPEG or PNG"),
  ])
  func saysWhatTheFileIs(content: String, reason: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(content, to: "a.jpg")
    let path = "\(folder.path)/a.jpg"
    #expect(throws: DatasetError(file: path, reason: reason)) { try ImageFile.decode(path: path) }
  }

  @Test func saysWhyAFileCannotBeRead() throws {
    let folder = try TemporaryFolder()
    let link = "\(folder.path)/link.jpg"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "gone.jpg")
    mkfifo("\(folder.path)/pipe.jpg", 0o600)
    for (path, reason) in [
      (link, "is a symbolic link to 'gone.jpg', which does not exist"),
      ("\(folder.path)/none.jpg", "does not exist"),
      (folder.path, "is a folder where a file is wanted"),
      ("\(folder.path)/pipe.jpg", "is not a regular file"),
    ] {
      #expect(throws: DatasetError(file: path, reason: reason)) { try ImageFile.decode(path: path) }
    }
  }
}
