import Configuration
import Datasets
import Testing

@Suite struct DatasetCatalogTests {
  @Test func readsEveryDataSet() throws {
    let cifar = try CIFARTests.miniature(), idx = try IDXTests.miniature(), folder = try ImageFolderTests.miniature()
    for (name, root, count, classes) in [
      ("cifar10", cifar.path, 10, 10), ("mnist", idx.path, 10, 10), ("fashion_mnist", idx.path, 10, 10),
      ("imagefolder", folder.path, 5, 3),
    ] {
      let data = ConfigSection(["name": .string(name), "root": .string(root)], path: "data")
      let set = try DatasetCatalog.dataset(data, .training)
      #expect(set.count == count && set.classNames.count == classes)
      #expect(try set.sample(at: 0, minimumSide: nil).label < classes)
      try data.finish()
    }
  }

  @Test func scenesAreTheDefault() throws {
    let data = ConfigSection([:], path: "data")
    let training = try DatasetCatalog.dataset(data, .training)
    let evaluation = try DatasetCatalog.dataset(data, .evaluation)
    #expect(training.count == 4000 && evaluation.count == 1000)
    #expect(training.imageSize == ImageSize(side: 32))
    let first = try training.sample(at: 0, minimumSide: nil).image
    #expect(try first != evaluation.sample(at: 0, minimumSide: nil).image)
  }

  @Test func scenesOfFramesAreClips() throws {
    let data = ConfigSection(["name": "scenes", "frames": 8, "training_scenes": 5], path: "data")
    let set = try DatasetCatalog.dataset(data, .training)
    #expect(set.count == 40 && set.framesPerClip == 8 && set.name(of: 9) == "training scene 1, frame 2")
  }

  @Test func limits() throws {
    let data = ConfigSection(["name": "scenes", "limit": 30, "image_size": 64], path: "data")
    let set = try DatasetCatalog.dataset(data, .training)
    #expect(set.count == 30 && set.imageSize == ImageSize(side: 64))
    try data.finish()
  }

  @Test func mistakesAreConfigErrors() {
    func sentence(_ values: [String: ConfigValue]) -> String {
      do {
        _ = try DatasetCatalog.dataset(ConfigSection(values, path: "data"), .training)
        return "none"
      } catch { return "\(error)" }
    }
    #expect(sentence(["name": "cifar11"]) == "data.name: no data set is called 'cifar11'; did you mean 'cifar10'?")
    #expect(
      sentence(["name": "cifar10", "root": "/no/such"]) == "data.root: the folder '/no/such' does not exist")
    #expect(sentence(["name": "cifar10"]) == "data.root: missing; wanted a path")
    #expect(sentence(["limit": 0]) == "data.limit: wanted a whole number >= 1, found '0'")
    #expect(
      sentence(["image_size": 8]) == "data.image_size: wanted a whole number from 16 to 512, found '8'")
  }
}
