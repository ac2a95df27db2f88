import Datasets
import Foundation
import Testing

@Suite struct ImageFolderTests {
  static func miniature() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let jpeg = try Fixture.bytes("baseline_444.jpg"), png = try Fixture.bytes("grey.png")
    try folder.write(jpeg, to: "train/bee/b.JPG")
    try folder.write(png, to: "train/bee/a photo.png")
    try folder.write(jpeg, to: "train/ant/deeper/c.jpeg")
    try folder.write(jpeg, to: "train/ant/z.Jpeg")
    try folder.write(jpeg, to: "train/Wasp/w.jpg")
    try folder.write(jpeg, to: "train/.hidden/h.jpg")
    try folder.write(jpeg, to: "train/ant/.h.jpg")
    try folder.write("notes", to: "train/ant/notes.txt")
    try folder.write("notes", to: "train/notes.jpg")
    try folder.write(jpeg, to: "val/bee/v.jpg")
    return folder
  }

  @Test func listsClassesAndFilesInOrder() throws {
    let folder = try Self.miniature()
    let set = try ImageFolder(root: folder.path, split: .training)
    #expect(set.classNames == ["Wasp", "ant", "bee"])
    let files = (0..<set.count).map { set.name(of: $0).dropFirst("\(folder.path)/train/".count) }
    #expect(files == ["Wasp/w.jpg", "ant/z.Jpeg", "ant/deeper/c.jpeg", "bee/a photo.png", "bee/b.JPG"])
    #expect((0..<set.count).map(set.label) == [0, 1, 1, 2, 2])
    let sample = try set.sample(at: 3)
    #expect(sample.label == 2 && sample.image.channels == 1 && sample.image.width == 37)
  }

  /// A root that is some other folder, with everything in it.
  @Test func ofManyFoldersAFewAreNamed() throws {
    let folder = try TemporaryFolder()
    for number in 100..<140 { try folder.write("notes", to: "folder\(number)/notes.txt") }
    let error = try #require(throws: DatasetError.self) { try ImageFolder(root: folder.path, split: .training) }
    #expect(error.description.hasSuffix("has the folders 'folder100', 'folder101', 'folder102', 'folder103', "
      + "'folder104', 'folder105', 'folder106', 'folder107' and 32 more"), "\(error)")
  }

  /// Evaluation pictures of one class only still carry that class's training number.
  @Test func evaluationKeepsTrainingLabels() throws {
    let folder = try Self.miniature()
    let set = try ImageFolder(root: folder.path, split: .evaluation)
    #expect(set.count == 1 && set.classNames == ["Wasp", "ant", "bee"])
    #expect(try set.sample(at: 0).label == 2)
  }

  @Test func aBrokenFileIsNamedWhenItIsRead() throws {
    let folder = try Self.miniature()
    let link = "\(folder.path)/train/Wasp/link.jpg"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "gone")
    let set = try ImageFolder(root: folder.path, split: .training)
    #expect(set.count == 6)
    #expect(throws: DatasetError(file: link, reason: "is a symbolic link to 'gone', which does not exist")) {
      try set.sample(at: 0)
    }
  }

  @Test func followsLinkedClassFolders() throws {
    let folder = try Self.miniature()
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder.path)/train/linked", withDestinationPath: "\(folder.path)/val/bee")
    let set = try ImageFolder(root: folder.path, split: .training)
    #expect(set.classNames.last == "linked" && set.count == 6)
    try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/val/bee/round", withDestinationPath: ".")
    #expect(throws: DatasetError.self) { try ImageFolder(root: folder.path, split: .training) }
  }

  @Test func `A link out of the set's folder is refused unless the run file allows it`() throws {
    let folder = try Self.miniature(), outside = try TemporaryFolder()
    try outside.write(Fixture.bytes("grey.png"), to: "secret/s.png")
    for (place, target) in [
      ("train/bee/s.png", "secret/s.png"), ("train/bee/below", "secret"), ("train/secret", "secret"), ("val", "secret"),
    ] {
      let link = "\(folder.path)/\(place)", destination = "\(outside.path)/\(target)"
      if place == "val" { try folder.remove("val") }
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: destination)
      let reason =
        "is a symbolic link to '\(destination)', out of the data set's folder; data.follow_links=true allows that"
      #expect(throws: DatasetError(file: link, reason: reason)) {
        try ImageFolder(root: folder.path, split: place == "val" ? .evaluation : .training)
      }
      if place != "val" {
        let set = try ImageFolder(root: folder.path, split: .training, followsLinks: true)
        #expect((0..<set.count).contains { set.name(of: $0).hasSuffix("/s.png") }, "\(place)")
      }
      try folder.remove(place)
    }
    // The set's own folder may be a link, and a link within it may lead to another name of the same folder.
    let name = "\(outside.path)/set"
    try FileManager.default.createSymbolicLink(atPath: name, withDestinationPath: folder.path)
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder.path)/train/own", withDestinationPath: "\(name)/train/bee")
    #expect(try ImageFolder(root: name, split: .training).count == 7)
  }

  @Test func saysWhatIsWrong() throws {
    let folder = try Self.miniature()
    func expect(_ split: Split, _ place: String, _ reason: String) {
      #expect(throws: DatasetError(file: folder.path + place, reason: reason)) {
        try ImageFolder(root: folder.path, split: split)
      }
    }
    try folder.write("x", to: "train/empty/readme.txt")
    expect(.training, "/train/empty", "has no .jpg, .jpeg or .png file")
    try folder.write(Fixture.bytes("grey.png"), to: "val/hornet/h.png")
    expect(.evaluation, "/val/hornet", "is a class that \(folder.path)/train does not have")
    try folder.remove("val")
    expect(.evaluation, "/val", "does not exist; \(folder.path) has the folders 'train'")
    try folder.remove("train")
    try folder.write("x", to: "train/x.jpg")
    expect(.training, "/train", "has no class folders")
  }

  @Test(.enabled(if: Fixture.realData != nil)) func readsTheRealSet() throws {
    let root = try #require(Fixture.realData) + "/imagefolder"
    let training = try ImageFolder(root: root, split: .training)
    let evaluation = try ImageFolder(root: root, split: .evaluation)
    #expect(training.classNames == ["ants", "bees"])
    #expect(training.count == 75 && (0..<75).count { training.label(of: $0) == 0 } == 40)
    #expect(evaluation.count == 39 && (0..<39).count { evaluation.label(of: $0) == 0 } == 20)
    for set in [training, evaluation] {
      for index in 0..<set.count {
        let image = try set.sample(at: index, minimumSide: 64).image
        #expect(min(image.width, image.height) >= 64 && image.channels == 3)
      }
    }
  }

  @Test(.enabled(if: Fixture.realData != nil)) func readsTheUnusualSet() throws {
    let root = try #require(Fixture.realData) + "/imagefolder-odd"
    let set = try ImageFolder(root: root, split: .training)
    #expect(set.count == 8)
    let images = try (0..<8).map { try set.sample(at: $0).image }
    func image(_ name: String) throws -> Image {
      images[try #require(set.classNames.firstIndex { $0.hasSuffix(name) })]
    }
    #expect(try (image("can_opener").width, image("can_opener").height) == (294, 392))
    #expect(try (image("file").width, image("file").height) == (1600, 1200))
    #expect(try image("Airedale").channels == 1 && image("airship").channels == 1)
    // As Pillow decodes them and turns them upright.
    #expect(try checksum(image("can_opener").pixels) == 0xC3D0_E48C_92D5_8BC1)
    #expect(try checksum(image("thunder_snake").pixels) == 0x28D3_6399_33E2_9770)
    #expect(throws: DatasetError(file: "\(root)/val", reason: "does not exist; \(root) has the folders 'train'")) {
      try ImageFolder(root: root, split: .evaluation)
    }
  }
}
