import Compute
import Operators

/// A graph with its backward pass: the steps of one run in order, and the cells of memory that they read and write.
///
/// `Program` knows which cells there are and how large, not where they lie: `Plan` packs them into one arena,
/// `Interpreter` gives each memory of its own.
public struct Program: Sendable {
  public let graph: Graph
  public internal(set) var cells: [Cell]
  public internal(set) var steps: [Step]
  /// The steps before this one are the forward pass.
  public let forwardCount: Int
  /// The cell of each value, by value index; `nil` for values that no step touches.
  let valueCells: [Int?]
  /// The cell of each value's gradient, by value index.
  let gradientCells: [Int?]

  /// A piece of memory.
  public struct Cell: Hashable, Sendable {
    public enum Place: Hashable, Sendable {
      /// Wherever the plan puts it.
      case arena
      /// In the parameters, by index.
      case parameter(Int)
      /// In the running statistics, by index.
      case buffer(Int)
      /// In the block that is summed over replicas: a parameter's gradient, by index.
      case gradient(Int)
      /// In that block too: a buffer's new value, by index.
      case newBuffer(Int)
    }
    public let place: Place
    public let count: Int
    /// Holds something before the first step: inputs, and gradients of the roots.
    public internal(set) var isGiven = false
    /// Is read after the last step: outputs, and gradients of inputs.
    public internal(set) var isResult = false
  }

  /// A use of a cell by a step.
  public struct Use: Hashable, Sendable {
    public let cell: Int
    public let shape: Shape
  }

  /// One thing that a run does.
  public struct Step: Sendable {
    public enum Action: Sendable {
      case forward
      /// A forward step once more, during the backward pass: the same kernel on the same inputs gives the same bits.
      case recompute
      /// `accumulates[k]`: the gradient at input k is added to what is there.
      case backward(accumulates: [Bool])
      /// Adds the first read cell to the first written one.
      case add
      /// Sets the written cell to zero.
      case zero
    }
    public let action: Action
    /// The node, for steps of an operator.
    public let node: Int?
    public let path: String
    /// For a forward or repeated step the inputs; for a backward one the gradients of the outputs.
    public let reads: [Use?]
    /// For a forward or repeated step the outputs; for a backward one the gradients of the inputs.
    public let writes: [Use?]
    /// For a backward step what it keeps of the forward pass, by input and output index.
    public let keptInputs: [Use?]
    public let keptOutputs: [Use?]

    /// Whether this is a forward step that the backward pass repeats.
    public var isRepeated: Bool { if case .recompute = action { true } else { false } }

    /// Every cell that the step touches.
    public var touched: [Int] { (reads + writes + keptInputs + keptOutputs).compactMap { $0?.cell } }
  }

  /// Plans the forward pass of `graph`, and the backward pass from its roots when it has any.
  public init(_ graph: Graph) {
    var builder = Differentiation(graph)
    builder.forward()
    forwardCount = builder.steps.count
    if !graph.roots.isEmpty { builder.backward() }
    self.graph = graph
    cells = builder.cells
    steps = builder.steps
    valueCells = builder.valueCells
    gradientCells = builder.gradientCells
  }

  /// The parameters that no root depends on: their gradient is zero.
  public var parametersWithoutGradient: [String] {
    guard !graph.roots.isEmpty else { return [] }
    let computing = steps.filter { if case .zero = $0.action { false } else { true } }
    let written = Set(computing.flatMap { $0.writes.compactMap { $0?.cell } })
    return cells.indices.compactMap { index in
      if case .gradient(let parameter) = cells[index].place, !written.contains(index) {
        return graph.parameters[parameter].path
      }
      return nil
    }
  }
}
