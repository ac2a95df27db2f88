import Configuration
import Foundation
import Graphs
import Models
import Testing
import Training

/// Every run file that we hand out.
@Suite struct RunFilesTests {
  private static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  static let files: [String] = {
    let all = FileManager.default.enumerator(atPath: repository + "/configs")?.compactMap { $0 as? String } ?? []
    return all.filter { $0.hasSuffix(".yaml") }.sorted()
  }()

  @Test func `There are run files`() { #expect(Self.files.count > 6) }

  @Test(arguments: files)
  func `A run file is read to its last key, and its network traced`(name: String) throws {
    let folder = try TemporaryFolder()
    let path = Self.repository + "/configs/" + name
    let text = try String(contentsOfFile: path, encoding: .utf8)
    for heading in ["# Command ", "# Hardware ", "# Time ", "# Metric "] {
      #expect(text.contains(heading), "the header says \(heading)")
    }
    #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 50)

    let written = try RunFile(contentsOf: path)
    let dataset = try written.section("data").string("name")
    try Self.standIn(for: dataset, in: folder)
    let file = try RunFile(contentsOf: path, overrides: dataset == "scenes" ? [] : ["data.root=\(folder.path)"])
    let experiment = try Experiment(file) { try ModelCatalog.network($0, classes: $1) }
    for mode in [Trace.Mode.training, .inference] {
      let graph = try NetworkRunners.graph(
        experiment.network, experiment.task, batch: 2, image: experiment.trainingPipeline.outputShape, mode: mode)
      #expect(graph.parameterCount > 1000)
    }
    #expect(try RunFile(text: file.resolvedYAML()).resolvedYAML().isEmpty == false)
  }

  /// A miniature of a data set, in its own format.
  private static func standIn(for dataset: String, in folder: TemporaryFolder) throws {
    switch dataset {
    case "cifar10":
      try folder.write("batches.meta.txt", (0..<10).map { "class\($0)\n" }.joined().utf8)
      for name in ["data_batch_1.bin", "test_batch.bin"] {
        try folder.write(name, [UInt8](repeating: 0, count: 2 * 3073))
      }
    case "cifar100":
      try folder.write("fine_label_names.txt", (0..<100).map { "class\($0)\n" }.joined().utf8)
      for name in ["train.bin", "test.bin"] { try folder.write(name, [UInt8](repeating: 0, count: 128 * 3074)) }
    case "fashion_mnist":
      for prefix in ["train", "t10k"] {
        let sizes: [UInt8] = [0, 0, 0, 2], side: [UInt8] = [0, 0, 0, 28]
        try folder.write(
          "\(prefix)-images-idx3-ubyte", [0, 0, 8, 3] + sizes + side + side + [UInt8](repeating: 0, count: 2 * 784))
        try folder.write("\(prefix)-labels-idx1-ubyte", [0, 0, 8, 1] + sizes + [0, 1])
      }
    case "imagefolder":
      for place in ["train/a", "train/b", "val/a"] { try folder.write("\(place)/empty.jpg", []) }
    default: #expect(dataset == "scenes", "a stand-in for \(dataset) is missing")
    }
  }
}
