import Compute
import Configuration
import Foundation
import Graphs
import Layers
import Models
import Safetensors
import Testing
import Training

/// Weights meet a network by name: what matches is copied, what does not is listed, and only what a run file allows is
/// let pass.
@Suite struct WeightFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Files of PyTorch's own making.
  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures/pytorch").path

  /// A linear layer over the means of a picture's channels.
  private struct Linear: Module {
    var classes = 2
    func callAsFunction(_ images: Tensor) -> Tensor {
      images.mean(over: .spatial).reshaped(images.shape[0], -1).linear("fc", classes)
    }
  }

  /// A file of tensors that count from 1.
  private func file(_ tensors: [(String, [Int])]) throws -> WeightFile {
    let path = folder.path + "/\(UUID().uuidString)"
    var writer = SafetensorsWriter()
    for (name, shape) in tensors {
      try writer.add(name, shape: shape, floats: (0..<shape.reduce(1, *)).map { Float($0 + 1) })
    }
    _ = try writer.write(to: path)
    return WeightFile(try WeightFile.open(path))
  }

  private static let all = [
    ("conv1.weight", [8, 3, 3, 3]), ("conv2.weight", [16, 8, 3, 3]), ("conv2.bias", [16]), ("fc.weight", [10, 16]),
    ("fc.bias", [10]),
  ]

  @Test(arguments: [("", "fc."), ("state_dict", "module.fc.")]) func `A checkpoint of PyTorch loads by its names`(
    key: String, name: String
  ) throws {
    let state = try NetworkRunners(tracing: Linear(), imageSize: 4).state
    let opened = try WeightFile.open(Self.fixtures + "/checkpoint.pth", takesAverage: key.isEmpty)
    let matching = try WeightFile(opened).load(into: state)
    #expect(matching.matched.map(\.path) == ["fc.bias", "fc.weight"])
    #expect(matching.matched.map(\.name) == [name + "bias", name + "weight"] && matching.table == nil)
    let factor: Float = key.isEmpty ? 2 : 1
    let wanted: [Float] = [-1, -0.75, -0.5, -0.25, 0, 0.25].map { factor * $0 }
    let layout = try #require(state.fileLayout("fc.weight"))
    #expect(layout.toFile(try #require(state.view("fc.weight")).array) == wanted)
    #expect(try #require(state.view("fc.bias")).array == [-1, -0.75].map { factor * $0 })
  }

  @Test func `A file's content says what it is, not its name`() throws {
    let path = folder.path + "/weights.pth"
    var writer = SafetensorsWriter()
    try writer.add("fc.bias", shape: [2], floats: [1, 2])
    _ = try writer.write(to: path)
    #expect(try WeightFile.open(path).names == ["fc.bias"])
    let copy = folder.path + "/weights.safetensors"
    try FileManager.default.copyItem(atPath: Self.fixtures + "/kinds_legacy.pth", toPath: copy)
    #expect(try WeightFile.open(copy).names.count == 17)
    let error = #expect(throws: SafetensorsError.self) { try WeightFile.open(path, takesAverage: true) }
    #expect(error?.found == "safetensors")
    for (text, found) in [("<!DOCTYPE html>\n", "one that begins '<!DOCTYPE html>\u{FFFD}'"), ("", "an empty file")] {
      try folder.write("page.pth", Array(text.utf8))
      let error = #expect(throws: SafetensorsError.self) { try WeightFile.open(folder.path + "/page.pth") }
      #expect(error?.description.hasSuffix("wanted safetensors or a file of torch.save, found \(found)") == true)
    }
  }

  @Test func `What wraps every name is taken off, and a prefix chooses a part`() throws {
    let state = try SmallNetwork().runners(batch: 2).state
    let wrapped = try file(Self.all.map { ("module._orig_mod.\($0.0)", $0.1) })
    #expect(try wrapped.load(into: state).matched.count == 5)
    #expect(try #require(state.view("fc.bias")).array == (1...10).map(Float.init))
    // A word before some names wraps nothing.
    let half = try file([("module.conv1.weight", [8, 3, 3, 3])] + Self.all.dropFirst())
    #expect(throws: WeightError.self) { try half.load(into: state) }
    let detector = try file(Self.all.map { ("backbone.\($0.0)", $0.1) } + [("neck.conv.weight", [3])])
    let part = try WeightFile(detector.file, prefix: "backbone.").load(into: state)
    #expect(part.matched.count == 5 && part.outsideCount == 1 && part.leftOver.isEmpty)
    #expect(part.sentence.hasSuffix(": 5 tensors match, 1 outside the prefix"))
  }

  @Test func `What does not fit is an error that lists it`() throws {
    let state = try SmallNetwork().runners(batch: 2).state
    let tensors = [("conv1.weight", [8, 3, 3, 3]), ("conv2.weight", [16, 8, 3, 3]), ("fc.weight", [12, 16])]
    let weights = try file(tensors + [("fc.bias", [12]), ("aux.weight", [1])])
    let error = #expect(throws: WeightError.self) { try weights.load(into: state, head: "fc") }
    let sentence = error?.description ?? ""
    #expect(
      sentence.hasSuffix(
        ": 2 tensors of the file fit the network, 2 of another shape (fc.bias is [12], the network's [10], "
          + "fc.weight is [12, 16], the network's [10, 16]), 1 missing (conv2.bias), 1 left over (aux.weight); "
          + "`model.weights.head: new` starts a classifier for other classes anew"), "\(sentence)")
  }

  @Test func `A new classifier and missing tensors keep their start where that is allowed`() throws {
    let runners = try SmallNetwork().runners(batch: 2), state = runners.state
    #expect(runners.headPath == "fc")
    let start = try #require(state.view("fc.weight")).array, bias = try #require(state.view("conv2.bias")).array
    let weights = try file([
      ("conv1.weight", [8, 3, 3, 3]), ("conv2.weight", [16, 8, 3, 3]), ("fc.weight", [12, 16]), ("aux", [1]),
    ])
    var tolerance = WeightFile.Tolerance()
    tolerance.hasNewHead = true
    let missing = #expect(throws: WeightError.self) { try weights.load(into: state, head: "fc", tolerance: tolerance) }
    #expect(missing?.description.hasSuffix("; `model.weights.allow: [missing]` starts what is missing anew") == true)
    tolerance.allowsMissing = true
    let left = #expect(throws: WeightError.self) { try weights.load(into: state, head: "fc", tolerance: tolerance) }
    #expect(left?.description.hasSuffix("; `model.weights.allow: [left_over]` passes over what is left") == true)
    tolerance.allowsLeftOver = true
    let matching = try weights.load(into: state, head: "fc", tolerance: tolerance)
    #expect(
      matching.sentence.hasSuffix(": 2 tensors match, 1 missing, 2 start anew, 1 left over"), "\(matching.sentence)")
    #expect(try #require(state.view("fc.weight")).array == start)
    #expect(try #require(state.view("conv2.bias")).array == bias)
    let layout = try #require(state.fileLayout("conv1.weight"))
    #expect(layout.toFile(try #require(state.view("conv1.weight")).array) == (1...216).map(Float.init))
    let rows = try #require(matching.table).rows
    #expect(rows.map { $0[0] } == ["conv2.bias", "fc.bias", "fc.weight", "aux"])
    #expect(rows.map { $0[2] } == ["missing from the file", "starts anew", "starts anew", "left over"])
  }

  @Test func `A thousand left-over names are a few rows`() throws {
    let state = try SmallNetwork().runners(batch: 2).state
    let others = (0..<1000).map { ("part\($0 % 40).layer\($0)", [1]) }
    let rows = try #require(try file(Self.all + others).matching(state).table).rows
    #expect(rows.count == 12 && rows[0] == ["part0.*", "25", "left over", ""])
    #expect(rows[11] == ["29 more beginnings", "725", "left over", ""])
    #expect(rows.reduce(0) { $0 + (Int($1[1]) ?? 0) } == 1000)
  }

  /// A linear layer is a 1x1 convolution, or one over a whole map; what has other numbers in other places is neither.
  @Test(arguments: [
    ([10, 16, 1, 1], true), ([1, 10, 16], true), ([10, 4, 2, 2], true), ([16, 10], false), ([5, 32], false),
    ([160], false), ([10, 17], false),
  ]) func `Shapes that hold the same numbers in the same order match`(shape: [Int], fits: Bool) throws {
    let state = try SmallNetwork().runners(batch: 2).state
    let weights = try file(Self.all.filter { $0.0 != "fc.weight" } + [("fc.weight", shape)])
    let matching = try weights.matching(state)
    #expect(matching.misshapen.map(\.name) == (fits ? [] : ["fc.weight"]))
    guard fits else { return }
    try weights.load(into: state)
    let layout = try #require(state.fileLayout("fc.weight"))
    #expect(layout.toFile(try #require(state.view("fc.weight")).array) == (1...160).map(Float.init))
  }
}
