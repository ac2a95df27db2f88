import Foundation

/// Small image folders for runs: two classes, `train` and `val`, from the pictures of the fixtures.
enum Pictures {
  /// The repository's top folder.
  static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// Makes a folder with 8 training and 4 evaluation pictures.
  /// - Parameter broken: so many of the training pictures of class `b` are text.
  static func folder(_ path: String, broken: Int = 0) throws {
    let files = FileManager.default
    for (split, count) in [("train", 4), ("val", 2)] {
      for (name, picture) in [("a", "baseline_420.jpg"), ("b", "wide_160x120.jpg")] {
        let folder = "\(path)/\(split)/\(name)"
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for index in 0..<count {
          if split == "train" && name == "b" && index < broken {
            try "no picture\n".write(toFile: "\(folder)/broken\(index).jpg", atomically: true, encoding: .utf8)
          } else {
            try files.copyItem(
              atPath: "\(repository)/Tests/Fixtures/datasets/\(picture)", toPath: "\(folder)/\(index).jpg")
          }
        }
      }
    }
  }

  /// Settings that make a tiny run train on such a folder.
  static func settings(_ path: String) -> [String] {
    ["data={name: imagefolder, root: \(path), image_size: 32, batch: 4}", "distributed.replicas=2"]
  }
}
