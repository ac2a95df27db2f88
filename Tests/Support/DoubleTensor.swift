import Compute

/// A tensor in double precision: what slow, obvious twins compute with.
public struct DoubleTensor: Sendable {
  public let shape: Shape
  public var values: [Double]

  public init(_ shape: Shape, _ values: [Double]) {
    precondition(values.count == shape.count, "\(values.count) values for \(shape)")
    self.shape = shape
    self.values = values
  }

  /// Zeros.
  public init(_ shape: Shape) { self.init(shape, [Double](repeating: 0, count: shape.count)) }

  /// `value` at every index.
  public init(_ shape: Shape, _ value: (_ index: [Int]) -> Double) {
    self.init(shape)
    for flat in 0..<shape.count { values[flat] = value(shape.index(of: flat)) }
  }

  /// The element at an index, one number an axis.
  public subscript(index: Int...) -> Double {
    get { values[shape.flat(index)] }
    set { values[shape.flat(index)] = newValue }
  }

  public subscript(index: [Int]) -> Double {
    get { values[shape.flat(index)] }
    set { values[shape.flat(index)] = newValue }
  }

  public func map(_ transform: (Double) -> Double) -> DoubleTensor { DoubleTensor(shape, values.map(transform)) }
}

extension Shape {
  /// The flat position of an index, row-major.
  public func flat(_ index: [Int]) -> Int {
    precondition(index.count == rank, "index \(index) into \(self)")
    var flat = 0
    for axis in 0..<rank {
      precondition(index[axis] >= 0 && index[axis] < self[axis], "index \(index) into \(self)")
      flat = flat * self[axis] + index[axis]
    }
    return flat
  }

  /// The index of a flat position.
  public func index(of flat: Int) -> [Int] {
    var index = [Int](repeating: 0, count: rank), rest = flat
    for axis in stride(from: rank - 1, through: 0, by: -1) {
      index[axis] = rest % self[axis]
      rest /= self[axis]
    }
    return index
  }
}

/// The largest difference between numbers and what was wanted, relative to the largest wanted magnitude.
public struct Deviation: Sendable {
  public let relative: Double
  public let index: Int
  public let found: Double
  public let wanted: Double

  /// - Parameter floor: the least magnitude to be relative to, for tensors that are nearly zero throughout.
  public init(of found: [Float], from wanted: [Double], floor: Double = 1e-12) {
    precondition(found.count == wanted.count, "\(found.count) values against \(wanted.count)")
    let scale = max(wanted.reduce(0) { max($0, abs($1)) }, floor)
    var worst = -1.0, at = 0
    for index in found.indices {
      let difference = abs(Double(found[index]) - wanted[index])
      if !(difference <= worst) {
        worst = difference.isNaN ? .infinity : difference
        at = index
        if worst == .infinity { break }
      }
    }
    relative = max(worst, 0) / scale
    index = at
    self.found = found.isEmpty ? 0 : Double(found[at])
    self.wanted = wanted.isEmpty ? 0 : wanted[at]
  }
}
