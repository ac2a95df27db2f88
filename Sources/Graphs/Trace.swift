import Compute
import Operators

/// Records what model code does with symbolic tensors, and the parameters that it names on the way.
public final class Trace {
  /// Training uses batch statistics and drops; inference uses running statistics and keeps everything.
  public enum Mode: Hashable, Sendable { case training, inference }

  public let mode: Mode
  /// Where training norms take their statistics over all replicas; `nil` where each replica has its own.
  public let replicaSums: (any ReplicaSums)?
  /// Whether what model code marks as `seen` becomes an output.
  public let isWatched: Bool
  /// What has been marked so far, in a watched trace.
  public private(set) var sightings: [Sighting] = []
  /// The images that some module takes for the frames of one clip; 1 where none does.
  public private(set) var framesPerClip = 1
  private var graph = Graph()
  private var scopes: [String] = []
  private var mistakes: [TraceError] = []
  private var parameterIndex: [String: Int] = [:]
  private var bufferIndex: [String: Int] = [:]
  /// The value that stands for each parameter and buffer from here on.
  private var current: [String: ValueID] = [:]
  /// Which shared module first claimed a path. Kept alive: the address of one that is gone may be another's.
  private var sharedOwners: [String: AnyObject] = [:]
  private var replaying = 0

  public init(mode: Mode, replicaSums: (any ReplicaSums)? = nil, isWatched: Bool = false) {
    self.mode = mode
    self.replicaSums = replicaSums
    self.isWatched = isWatched
  }

  /// The path of the module being traced.
  public var path: String { scopes.joined(separator: ".") }

  /// The path of `name` inside the module being traced.
  public func path(of name: String) -> String { scopes.isEmpty ? name : path + "." + name }

  /// Traces `body` inside the module called `name`.
  public func scope<Result>(_ name: String, _ body: () -> Result) -> Result {
    scopes.append(name)
    defer { scopes.removeLast() }
    return body()
  }

  /// Traces `body` as one application of a module that may be applied again: the second time it finds the parameters of
  /// the first. Another module at the same path is a mistake.
  public func sharedScope<Result>(_ name: String, owner: AnyObject, _ body: () -> Result) -> Result {
    let path = path(of: name), isAgain = sharedOwners[path] === owner
    if sharedOwners[path] == nil { sharedOwners[path] = owner }
    replaying += isAgain ? 1 : 0
    defer { replaying -= isAgain ? 1 : 0 }
    return scope(name, body)
  }

  /// A tensor given from outside in every run.
  public func input(_ name: String, _ shape: Shape, wantsGradient: Bool = false) -> Tensor {
    tensor(shape, .input(name: name, wantsGradient: wantsGradient))
  }

  /// Keeps `tensor` as a result called `name`.
  public func output(_ name: String, _ tensor: Tensor) {
    guard let value = tensor.value else { return }
    graph.outputs.append((name, Operand(value: value, shape: tensor.shape)))
  }

  /// Makes `tensor` a value whose gradient is given in every run, under `name`: where differentiation starts.
  public func root(_ name: String, _ tensor: Tensor) {
    guard let value = tensor.value else { return }
    graph.roots.append((name, Operand(value: value, shape: tensor.shape)))
  }

  /// Asks for the gradient of the output called `name`. A graph that asks so computes no other gradients: neither those
  /// of parameters nor those of inputs.
  public func wantGradient(ofOutput name: String) {
    guard let operand = graph.outputs.first(where: { $0.name == name })?.operand else {
      mistakes.append(TraceError(path: "", message: "no output is called \(name), whose gradient is asked for"))
      return
    }
    graph.gradients.append((name, operand))
  }

  func note(_ sight: Sight, _ tensor: Tensor) {
    let name = "seen \(sightings.count)"
    sightings.append(Sighting(path: path, sight: sight, output: name, shape: tensor.shape))
    output(name, tensor)
  }

  /// Notes that a module takes so many images for the frames of one clip, whether or not the batch has as many.
  public func takes(framesPerClip frames: Int) { framesPerClip = max(framesPerClip, frames) }

  /// Records a mistake at the current path.
  public func invalid(_ message: String) -> Tensor {
    mistakes.append(TraceError(path: path, message: message))
    return Tensor(trace: self, value: nil, shape: [1])
  }

  /// The parameter called `name` in the current module.
  public func parameter(
    _ name: String, _ shape: Shape, fileLayout: FileLayout? = nil, initializer: Initializer, decays: Bool,
    isFactor: Bool = false
  ) -> Tensor {
    let path = path(of: name)
    if let known = parameterIndex[path] {
      guard replaying > 0 else { return invalid("two layers claim the parameter \(path)") }
      guard graph.parameters[known].shape == shape else {
        return invalid("\(path) has shape \(graph.parameters[known].shape) in one application and \(shape) in another")
      }
      return Tensor(trace: self, value: current[path]!, shape: shape)
    }
    if shape.count == 0 { return invalid("\(path) would have shape \(shape)") }
    parameterIndex[path] = graph.parameters.count
    graph.parameters.append(
      ParameterSpec(
        path: path, shape: shape, fileLayout: fileLayout ?? .same(shape.array), initializer: initializer, decays: decays,
        isFactor: isFactor))
    let parameter = tensor(shape, .parameter(graph.parameters.count - 1))
    current[path] = parameter.value
    return parameter
  }

  /// The running statistic called `name` in the current module, as it stands at this point of the trace.
  public func buffer(_ name: String, _ shape: Shape, initialValue: Float, counter: String? = nil) -> Tensor {
    let path = path(of: name)
    if bufferIndex[path] != nil {
      guard replaying > 0 else { return invalid("two layers claim the buffer \(path)") }
      return Tensor(trace: self, value: current[path]!, shape: shape)
    }
    bufferIndex[path] = graph.buffers.count
    graph.buffers.append(
      BufferSpec(path: path, shape: shape, initialValue: initialValue, counterPath: counter.map { self.path(of: $0) }))
    let buffer = tensor(shape, .buffer(graph.buffers.count - 1))
    current[path] = buffer.value
    return buffer
  }

  /// The constant called `name` in the current module: stored with the weights, never trained.
  public func constant(_ name: String, _ shape: Shape, _ values: [Float]) -> Tensor {
    precondition(values.count == shape.count, "\(values.count) values for a constant of shape \(shape)")
    let constant = buffer(name, shape, initialValue: 0)
    if let index = bufferIndex[path(of: name)] { graph.buffers[index].constant = values }
    return constant
  }

  /// Makes `tensor` the new value of the buffer called `name` in the current module.
  public func update(buffer name: String, to tensor: Tensor) {
    let path = path(of: name)
    guard let value = tensor.value, let index = bufferIndex[path] else { return }
    graph.bufferUpdates[index] = value
    current[path] = value
  }

  /// Adds a node; one result for each output.
  public func apply(_ subject: any Operator, _ inputs: [Tensor], name: String? = nil) -> [Tensor] {
    let shapes = inputs.map(\.shape)
    guard inputs.allSatisfy(\.isValid) else {
      let count = (try? subject.outputShapes(for: shapes).count) ?? 8
      return [Tensor](repeating: Tensor(trace: self, value: nil, shape: [1]), count: count)
    }
    let nodePath = path(of: name ?? subject.name)
    do {
      let outputs = try subject.outputShapes(for: shapes).map { tensor($0, .computed) }
      graph.nodes.append(
        Node(
          path: nodePath, subject: subject,
          inputs: inputs.map { Operand(value: $0.value!, shape: $0.shape) }, outputs: outputs.map { $0.value! },
          number: graph.nodes.count))
      return outputs
    } catch {
      mistakes.append(TraceError(path: nodePath, message: error.description))
      return [Tensor](repeating: Tensor(trace: self, value: nil, shape: [1]), count: 8)
    }
  }

  /// The graph of everything traced so far.
  /// - Throws: the first mistake, with the path of its module.
  public func finish() throws -> Graph {
    if let first = mistakes.first { throw first }
    return graph
  }

  private func tensor(_ shape: Shape, _ source: Value.Source) -> Tensor {
    graph.values.append(Value(shape: shape, source: source))
    return Tensor(trace: self, value: ValueID(index: graph.values.count - 1), shape: shape)
  }
}

/// A mistake in model code: where, and what does not fit.
public struct TraceError: Error, Hashable, Sendable, CustomStringConvertible {
  public let path: String
  public let message: String
  public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}
