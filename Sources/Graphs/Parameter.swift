import Compute

/// A trained tensor: its name and layout in files, its shape in memory, how it starts, whether it decays.
public struct ParameterSpec: Sendable {
  /// The reference implementation's name, `layer1.0.conv1.weight`.
  public let path: String
  /// The shape that kernels read.
  public let shape: Shape
  /// The shape and order of axes in files.
  public let fileLayout: FileLayout
  public let initializer: Initializer
  /// Whether weight decay applies: by default not to biases nor to the scales and shifts of norms.
  public let decays: Bool
  /// Whether it is one number that says something by itself, such as how much a branch counts.
  public var isFactor = false
}

/// A tensor without a gradient that is stored with the weights: a running statistic of a norm, which training updates,
/// or a constant such as a fixed filter, which nothing changes.
public struct BufferSpec: Sendable {
  public let path: String
  public let shape: Shape
  /// The value of every element at the start.
  public let initialValue: Float
  /// The name of an integer beside it that counts the training steps (`num_batches_tracked`); `nil` for none.
  public let counterPath: String?
  /// The values of a constant, in row-major order; `nil` for what training updates.
  public var constant: [Float]? = nil
}

/// How a tensor lies in a file, compared with memory.
public struct FileLayout: Hashable, Sendable {
  /// The shape in the file.
  public let shape: [Int]
  /// Memory axis i is axis `axes[i]` of the file.
  public let axes: [Int]

  public init(shape: [Int], axes: [Int]) {
    precondition(axes.sorted() == Array(shape.indices), "axes \(axes) of a tensor of shape \(shape)")
    self.shape = shape
    self.axes = axes
  }

  /// The same order in memory and file.
  public static func same(_ shape: [Int]) -> FileLayout { FileLayout(shape: shape, axes: Array(shape.indices)) }

  /// Elements in file order, from elements in memory order.
  public func toFile(_ memory: [Float]) -> [Float] { permuted(memory, intoFile: true) }

  /// Elements in memory order, from elements in file order.
  public func toMemory(_ file: [Float]) -> [Float] { permuted(file, intoFile: false) }

  private func permuted(_ source: [Float], intoFile: Bool) -> [Float] {
    if axes == Array(shape.indices) { return source }
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in stride(from: shape.count - 2, through: 0, by: -1) { strides[axis] = strides[axis + 1] * shape[axis + 1] }
    var result = [Float](repeating: 0, count: source.count)
    var index = [Int](repeating: 0, count: axes.count)
    for position in source.indices {
      var filePosition = 0
      for axis in axes.indices { filePosition += index[axis] * strides[axes[axis]] }
      if intoFile { result[filePosition] = source[position] } else { result[position] = source[filePosition] }
      for axis in axes.indices.reversed() {
        index[axis] += 1
        if index[axis] < shape[axes[axis]] { break }
        index[axis] = 0
      }
    }
    return result
  }
}

/// How a parameter starts.
public struct Initializer: Sendable {
  /// What it does, for tables: `kaiming_normal(fan_out)`.
  public let name: String
  /// Fills memory in the parameter's own order from a stream keyed by (seed, path).
  public let fill: @Sendable (UnsafeMutableBufferPointer<Float>, inout RandomStream) -> Void

  public init(_ name: String, fill: @escaping @Sendable (UnsafeMutableBufferPointer<Float>, inout RandomStream) -> Void) {
    self.name = name
    self.fill = fill
  }

  public static func constant(_ value: Float) -> Initializer {
    Initializer("constant(\(value))") { memory, _ in memory.update(repeating: value) }
  }
}
