import Layers

/// Where in a host a module is to sit: enough for modules whose options differ from stage to stage.
public struct AttentionSite: Hashable, Sendable {
  /// The host's published name, `resnet50`; empty for one without a name.
  public let host: String
  /// The stage, counted from 1.
  public let stage: Int

  public init(host: String, stage: Int) {
    self.host = host
    self.stage = stage
  }
}

/// The hole in a residual block that an attention module fills: after the last norm, before the addition.
///
/// A block asks for nothing but a module of the same shape in and out; what fills it is a line of the run file.
public struct AttentionSlot: Sendable {
  /// The published name, `cbam`.
  public let name: String
  /// What the module's parameters are called inside a residual block, by the reference implementation of its host.
  /// A host whose block is a numbered sequence uses the number of the place instead.
  public let member: String
  /// The module at a site.
  public let module: @Sendable (AttentionSite) -> any Module

  public init(_ name: String, member: String, module: @escaping @Sendable (AttentionSite) -> any Module) {
    self.name = name
    self.member = member
    self.module = module
  }
}
