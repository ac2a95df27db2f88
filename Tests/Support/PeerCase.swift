import Compute
import Operators

/// One use of an operator with the numbers that PyTorch 2.13 gives for it, so that a convention is proven and not only
/// self-consistent. Input element i is (7919 i mod 31) / 8 - 1.5, the gradient of output element i is i + 1.
public struct PeerCase: Sendable, CustomStringConvertible {
  public let description: String
  let subject: any Operator
  let input: Shape
  let output: Shape
  let y: [Float]
  let dx: [Float]

  public init(_ label: String, _ subject: any Operator, _ input: Shape, output: Shape, y: [Float], dx: [Float]) {
    description = label
    self.subject = subject
    self.input = input
    self.output = output
    self.y = y
    self.dx = dx
  }

  /// What differs from the peer, one sentence each.
  public func check(tolerance: Double = 1e-6) -> [String] {
    let run = DirectRun(subject, [(input, (0..<input.count).map { Float($0 * 7919 % 31) / 8 - 1.5 })])
    guard run.outputShapes[0] == output else { return ["the output is \(run.outputShapes[0]), the peer's \(output)"] }
    let gradient = run.gradients([(0..<output.count).map { Float($0 + 1) }])[0]
    return [("y", run.outputs[0], y), ("dx", gradient, dx)].compactMap { what, found, wanted in
      let deviation = Deviation(of: found, from: wanted.map(Double.init))
      return deviation.relative <= tolerance
        ? nil : "\(what)[\(deviation.index)] is \(deviation.found), the peer's \(deviation.wanted)"
    }
  }
}
