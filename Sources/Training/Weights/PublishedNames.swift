import Foundation

/// The names of tensors in files by others, turned into those of the networks here.
///
/// Most published weights have our names, because the networks here have theirs. What wraps a network puts a word
/// before every name; a few implementations call the same layer otherwise.
enum PublishedNames {
  /// What `DataParallel` and `torch.compile` put before every name.
  static let wrappers = ["module.", "_orig_mod."]

  /// A part of a name in the file and the part that stands here instead. A rename counts only where the network has the
  /// new name and the file does not.
  static let renames: [(found: String, known: String)] = [
    // timm's squeeze-and-excitation: 1x1 convolutions with biases, so `attention: {name: se, bias: true}`.
    (".se.fc1.", ".se.fc.0."), (".se.fc2.", ".se.fc.2."),
    // timm's efficient channel attention stands under the name of any gate.
    (".se.conv.", ".eca.conv."),
    // timm's global context: `attention: {name: gc, ratio: 0.125}`.
    (".se.conv_attn.", ".context_block.conv_mask."),
    (".se.mlp_add.fc1.", ".context_block.channel_add_conv.0."),
    (".se.mlp_add.norm.", ".context_block.channel_add_conv.1."),
    (".se.mlp_add.fc2.", ".context_block.channel_add_conv.3."),
    // timm's VGG: the first two layers of the classifier are convolutions over the whole map.
    ("pre_logits.fc1.", "classifier.0."), ("pre_logits.fc2.", "classifier.3."), ("head.fc.", "classifier.6."),
    // Backbones of OpenMMLab's classifiers.
    ("head.fc.", "fc."),
  ]

  /// timm's networks of the squeeze-and-excitation paper, as they were published for Caffe. Those of basic blocks are
  /// left out: they have the same layers, but activate before the module, as no block here does.
  private static let caffeRenames: [(found: String, known: String)] = [
    ("layer0.conv1.", "conv1."), ("layer0.bn1.", "bn1."), (".se_module.fc1.", ".se.fc.0."),
    (".se_module.fc2.", ".se.fc.2."), ("last_linear.", "fc."),
  ]

  /// The file's names by the names that they have here.
  /// - Parameters:
  ///   - prefix: takes only names that begin so behind their wrappers, without it.
  ///   - isKnown: whether the network has a tensor of a name.
  static func references(
    to names: [String], prefix: String, isKnown: (String) -> Bool
  ) -> [String: String] {
    var wrapped = ""
    while let next = wrappers.first(where: { word in
      !names.isEmpty && names.allSatisfy { $0.dropFirst(wrapped.count).hasPrefix(word) }
    }) {
      wrapped += next
    }
    let start = wrapped + prefix
    var references: [String: String] = [:]
    for name in names where name.hasPrefix(start) { references[String(name.dropFirst(start.count))] = name }
    let layers = MobileNetNames(Array(references.keys))
    let renames = references["layer1.0.conv3.weight"] == nil ? Self.renames : Self.renames + caffeRenames
    for (reference, name) in references.sorted(by: { $0.key < $1.key }) where !isKnown(reference) {
      let others = [layers[reference]] + renames.map { rename in
        reference.contains(rename.found) ? reference.replacing(rename.found, with: rename.known) : nil
      }
      if let known = others.compactMap({ $0 }).first(where: { isKnown($0) && references[$0] == nil }) {
        references[reference] = nil
        references[known] = name
      }
    }
    return references
  }

  /// Whether elements in the order of one shape are also those of the other: axes of one element come and go between a
  /// linear layer and a 1x1 convolution, and a convolution over a whole map is a linear layer over its flattened bins.
  static func isSameOrder(_ a: [Int], _ b: [Int]) -> Bool {
    func squeezed(_ shape: [Int]) -> [Int] { shape.filter { $0 != 1 } }
    func isFlattened(_ flat: [Int], _ full: [Int]) -> Bool {
      flat.count == 2 && full.count > 2 && flat[0] == full[0] && flat[1] == full.dropFirst().reduce(1, *)
    }
    return squeezed(a) == squeezed(b) || isFlattened(a, b) || isFlattened(b, a)
  }
}
