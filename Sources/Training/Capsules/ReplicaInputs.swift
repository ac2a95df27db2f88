import Communication
import Compute
import Datasets
import Foundation

/// What one replica's part of a step is computed from, on its way to rank 0.
struct ReplicaInputs {
  /// All but the pictures.
  struct Header: Codable {
    /// The bits of the loss: JSON has no number for one that is not finite.
    let lossBits: UInt64
    let labels: [Int]
    let weights: [Float]
    let indices: [Int]
    let mixture: LabelMixture?

    var loss: Double { Double(bitPattern: lossBits) }
  }

  let replica: Int
  let header: Header
  /// `[samples, height, width, channels]`; holds while these inputs are handed over.
  let images: UnsafeBufferPointer<Float>

  private init(replica: Int, _ header: Header, _ images: UnsafeBufferPointer<Float>) {
    self.replica = replica
    self.header = header
    self.images = images
  }

  private init(_ batch: Batch, loss: Double) {
    self.init(
      replica: batch.address.replica,
      Header(
        lossBits: loss.bitPattern, labels: batch.labels.map(Int.init), weights: Array(batch.weights),
        indices: Array(batch.indices), mixture: batch.mixture),
      UnsafeBufferPointer(start: batch.images.pointer, count: batch.images.count))
  }

  /// Hands the inputs of every replica, in their order, to `take` on rank 0; one replica is in memory at a time.
  /// Collective.
  /// - Parameters:
  ///   - batches: those of this rank.
  ///   - losses: theirs.
  static func gather(
    _ batches: [Batch], losses: [Double], _ assignment: ReplicaAssignment, over communicator: any Communicator,
    _ take: (ReplicaInputs) -> Void
  ) throws {
    for replica in 0..<assignment.replicas {
      let (owner, place) = replica.quotientAndRemainder(dividingBy: assignment.perRank)
      if communicator.rank == owner {
        let inputs = ReplicaInputs(batches[place], loss: losses[place])
        if owner == 0 { take(inputs) } else { try inputs.send(over: communicator) }
      } else if communicator.rank == 0 {
        try receive(replica, from: owner, over: communicator, take)
      }
    }
  }

  private static let collective = "inputs of a step"

  private func send(over communicator: any Communicator) throws {
    let text = try JSONEncoder().encode(header)
    try withUnsafeBytes(of: SIMD2(text.count, images.count)) { try communicator.send(Self.collective, $0, to: 0) }
    try text.withUnsafeBytes { try communicator.send(Self.collective, $0, to: 0) }
    try communicator.send(Self.collective, UnsafeRawBufferPointer(images), to: 0)
  }

  private static func receive(
    _ replica: Int, from owner: Int, over communicator: any Communicator, _ take: (ReplicaInputs) -> Void
  ) throws {
    var counts = SIMD2<Int>()
    try withUnsafeMutableBytes(of: &counts) { try communicator.receive(collective, into: $0, from: owner) }
    var text = Data(count: counts[0])
    try text.withUnsafeMutableBytes { try communicator.receive(collective, into: $0, from: owner) }
    let images = UnsafeMutableBufferPointer<Float>.allocate(capacity: counts[1])
    defer { images.deallocate() }
    try communicator.receive(collective, into: UnsafeMutableRawBufferPointer(images), from: owner)
    let header = try JSONDecoder().decode(Header.self, from: text)
    take(ReplicaInputs(replica: replica, header, UnsafeBufferPointer(images)))
  }
}
