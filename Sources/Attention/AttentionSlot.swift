import Graphs
import Layers

/// The hole in a host that an attention module fills: which module, where, and in which stages.
///
/// A host asks for nothing but a module; what fills its holes is a line of the run file.
public struct AttentionSlot: Sendable {
  /// The published name, `cbam`.
  public let name: String
  /// What the module's parameters are called inside a block, by the reference implementation of its host; empty where
  /// they stand among the block's own. A host whose block is a numbered sequence uses the number of the place instead.
  public let member: String
  /// Where the module sits.
  public var place: AttentionPlace
  /// The stages that have the module, by `AttentionSite.number`; `nil` means all.
  public var stages: Set<Int>?
  /// Whether a module in place of a convolution ends with a norm and an activation of its own.
  public let isActivated: Bool
  private let make: @Sendable (AttentionSite) -> (any Module)?

  /// - Parameter module: the module at a site, or `nil` where there is to be none.
  public init(
    _ name: String, member: String, place: AttentionPlace = .branch, stages: Set<Int>? = nil,
    isActivated: Bool = false,
    module: @escaping @Sendable (AttentionSite) -> (any Module)?
  ) {
    self.name = name
    self.member = member
    self.place = place
    self.stages = stages
    self.isActivated = isActivated
    make = module
  }

  /// The module at a site; `nil` where this place or stage has none.
  public func module(_ site: AttentionSite) -> (any Module)? {
    guard site.place == place, stages?.contains(site.number) != false else { return nil }
    return make(site)
  }
}

/// Where in a block or a stage a module can sit.
public enum AttentionPlace: String, CaseIterable, Sendable {
  /// After the last norm of a block's residual branch, before the shortcut is added.
  case branch
  /// On the output of a block's 3x3 convolution (the second of a basic block), before its norm.
  case middle
  /// After the first activation inside a block.
  case start
  /// On the input of every convolution of a block.
  case inputs
  /// In place of the 3x3 convolutions.
  case convolution
  /// On the sum of a block's branch and shortcut, before the activation that may follow.
  case afterAdd = "after_add"
  /// After a stage's last block.
  case stageEnd = "stage_end"
  /// Before a stage's last block.
  case beforeLast = "before_last"
  /// On the features of whole images, behind all stages and before the classifier.
  case features

  /// Whether what sits here can sit nowhere else, nor anything else here: the tensors have another form.
  var isFixed: Bool { self == .convolution || self == .features }
}

/// Where in a host a module is to sit: enough for modules whose options differ from place to place.
public struct AttentionSite: Hashable, Sendable {
  /// The host's published name, `resnet50`; empty for one without a name.
  public let host: String
  /// The stage, counted from 1.
  public let stage: Int
  /// The stage as papers number it: the stem is 1, so that conv2_x of a ResNet (c2, `layer1`) is 2.
  public let number: Int
  /// The block of the stage, counted from 0.
  public var block: Int
  /// Where in the block or stage the hole is; a host sets it anew for each of its holes.
  public var place: AttentionPlace
  /// The output channels of the convolution whose place the module takes.
  public var outputs = 0
  /// Of the same convolution: 2 where a stage begins with a smaller map.
  public var stride = 1
  /// Of the same convolution: more than 1 in a ResNeXt.
  public var groups = 1

  /// - Parameter number: the stage's number in papers; the one behind a stem when `nil`.
  public init(host: String, stage: Int, number: Int? = nil, block: Int = 0, place: AttentionPlace = .branch) {
    self.host = host
    self.stage = stage
    self.number = number ?? stage + 1
    self.block = block
    self.place = place
  }
}

extension Tensor {
  /// What the hole at `site` makes of this tensor: itself where nothing fills it.
  /// - Parameter name: the module's path; the slot's member when `nil`.
  public func attended(_ slot: AttentionSlot?, at site: AttentionSite, _ place: AttentionPlace, name: String? = nil)
    -> Tensor
  {
    var site = site
    site.place = place
    guard let slot, let module = slot.module(site) else { return self }
    let path = name ?? slot.member
    return path.isEmpty ? module(self) : trace.scope(path) { module(self) }
  }
}
