import Compute

/// A fully connected layer on the innermost axis: y[r, o] = b[o] + Σ_i w[o, i] · x[r, i], or an activation of that.
///
/// Inputs: x `[..., I]`, weight `[O, I]`, optionally bias `[O]`; output `[..., O]`. With an activation whose derivative
/// reads its argument, a second output is that argument, `[..., O]`, which carries no gradient.
public struct Linear: Operator {
  /// What is applied to a tile of the product while it is in the cache.
  public let activation: LinearActivation?
  /// Whether the backward pass comes: without it the activation's argument is not written.
  public let keepsArgument: Bool

  public init(activation: LinearActivation? = nil, keepsArgument: Bool = true) {
    self.activation = activation
    self.keepsArgument = keepsArgument
  }

  public var name: String { activation.map { "linear_" + $0.subject.name } ?? "linear" }

  public func outputShapes(for inputs: [Shape]) throws(ShapeError) -> [Shape] {
    let x = inputs[0], weight = inputs[1]
    guard x.rank >= 1, weight.rank == 2, weight[1] == x.channels else {
      throw ShapeError("cannot multiply \(x) with a weight of shape \(weight): wanted [O, \(x.channels)]")
    }
    if inputs.count > 2, inputs[2] != [weight[0]] {
      throw ShapeError("cannot add a bias of shape \(inputs[2]) to \(weight[0]) features")
    }
    var output = x
    output[-1] = weight[0]
    return writesArgument ? [output, output] : [output]
  }

  /// Whether the argument is a second output.
  public var writesArgument: Bool { keepsArgument && activation?.derivativeReads == .input }

  public var keeps: Kept {
    switch activation?.derivativeReads {
    case .input: Kept(inputs: [0, 1], outputs: [1])
    case .output: Kept(inputs: [0, 1], outputs: [0])
    default: Kept(inputs: [0, 1])
    }
  }

  public func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int { outputs[0].count * inputs[0].channels }

  public func scratch(for pass: Pass, inputs: [Shape], outputs: [Shape]) -> Scratch {
    guard pass == .backward else { return Scratch() }
    let tiles = LinearTiles(inputs[0], weight: inputs[1])
    let slopes = activation == nil ? 0 : outputs[0].count
    let biasSums = inputs.count > 2 ? tiles.rowTiles * tiles.outputs : 0
    let weightSums = tiles.weightParts > 1 ? tiles.weightParts * inputs[1].count : 0
    return Scratch(shared: slopes + biasSums + weightSums)
  }

  public func forward(_ call: ForwardCall, _ worker: Worker) {
    let weight = call.inputs[1], tiles = LinearTiles(call.inputs[0].shape, weight: weight.shape)
    let bias = call.inputs.count > 2 ? call.inputs[2].pointer : nil
    let y = call.outputs[0].pointer, product = writesArgument ? call.outputs[1].pointer : y
    let width = tiles.outputColumns, columnTiles = EvenTiles.count(tiles.outputs, width)
    for tile in worker.tiles(tiles.rowTiles * columnTiles) {
      let rows = tiles.rowTile(tile / columnTiles), column = tile % columnTiles * width
      let count = min(width, tiles.outputs - column)
      // The product adds to the bias: without one it would write zeros first, so this costs nothing.
      if let bias {
        for row in rows { (product + row * tiles.outputs + column).update(from: bias + column, count: count) }
      }
      matrixProduct(
        m: rows.count, n: count, k: tiles.inputs,
        MatrixOperand(call.inputs[0].pointer + rows.lowerBound * tiles.inputs, leading: tiles.inputs),
        MatrixOperand(weight.pointer + column * tiles.inputs, leading: tiles.inputs, transposed: true),
        into: product + rows.lowerBound * tiles.outputs + column, leading: tiles.outputs, accumulate: bias != nil)
      if let activation {
        for row in rows {
          let start = row * tiles.outputs + column
          activation.apply(to: product + start, into: y + start, count: count)
        }
      }
    }
  }
}

extension LinearTiles {
  init(_ x: Shape, weight: Shape) { self.init(rows: x.count / weight[1], inputs: weight[1], outputs: weight[0]) }
}
