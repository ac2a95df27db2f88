import COpenMPI

/// The question "where are you?" between the ranks of an MPI job, asked when a deadline has passed.
///
/// It has an MPI communicator of its own, so it meets no other message. Ranks answer while they wait in a collective,
/// and otherwise whenever their communication thread is idle.
final class StallInquiry {
  private static let questionTag: Int32 = 1
  private static let answerTag: Int32 = 2
  /// An idle communication thread looks for questions several times in this while.
  private static let patience = Duration.seconds(2)
  static let attentionInterval = Duration.milliseconds(250)

  private let handle: MPI_Comm
  private let rank: Int
  private let size: Int
  private let whereabouts: Whereabouts
  private var lastAttended = Moment.now

  /// Takes over `handle`.
  init(_ handle: MPI_Comm, rank: Int, size: Int, whereabouts: Whereabouts) {
    (self.handle, self.rank, self.size, self.whereabouts) = (handle, rank, size, whereabouts)
  }

  /// Answers the ranks that ask, if it has not been done for a while. Errors are left to the collectives to find.
  func attend() {
    let now = Moment.now
    guard now.since(lastAttended) >= Self.attentionInterval else { return }
    lastAttended = now
    answerAll()
  }

  /// Where all ranks are, by rank; nil for those that do not answer in time.
  func askAll() -> [Whereabouts.Position?] {
    let peers = (0..<size).filter { $0 != rank }
    let answers = peers.map { _ in MessageHeader() }
    var questions = [MPI_Request?](repeating: openmpi_no_request(), count: peers.count)
    var receipts = questions
    for (index, peer) in peers.enumerated() {
      _ = openmpi_receive(
        answers[index].memory, Int32(MessageHeader.byteCount), Int32(peer), Self.answerTag, handle, &receipts[index])
      _ = openmpi_send(nil, 0, Int32(peer), Self.questionTag, handle, &questions[index])
    }

    var wait = PolledWait(deadline: Self.patience)
    while receipts.contains(where: { $0 != openmpi_no_request() }), wait.pause(patiently: true) {
      for index in peers.indices {
        test(&receipts[index])
        test(&questions[index])
      }
      answerAll()
    }

    var positions = [Whereabouts.Position?](repeating: nil, count: size)
    positions[rank] = whereabouts.position
    for (index, peer) in peers.enumerated() {
      if receipts[index] == openmpi_no_request() {
        positions[peer] = position(from: answers[index])
        answers[index].deallocate()
      }
      // An answer may still come to the others: their memory is given up with the job.
    }
    return positions
  }

  private func answerAll() {
    var (isReady, peer): (Int32, Int32) = (0, 0)
    while openmpi_probe_any(Self.questionTag, handle, &isReady, &peer) == MPI_SUCCESS, isReady != 0 {
      let answer = MessageHeader()
      write(whereabouts.position, to: answer)
      var (question, reply): (MPI_Request?, MPI_Request?) = (openmpi_no_request(), openmpi_no_request())
      _ = openmpi_receive(nil, 0, peer, Self.questionTag, handle, &question)
      _ = openmpi_send(answer.memory, Int32(MessageHeader.byteCount), peer, Self.answerTag, handle, &reply)
      var wait = PolledWait(deadline: Self.patience)
      while question != openmpi_no_request() || reply != openmpi_no_request(), wait.pause(patiently: false) {
        test(&question)
        test(&reply)
      }
      if reply == openmpi_no_request() { answer.deallocate() }
    }
  }

  private func test(_ request: inout MPI_Request?) {
    guard request != openmpi_no_request() else { return }
    var done: Int32 = 0
    if openmpi_test(&request, &done) != MPI_SUCCESS { request = openmpi_no_request() }
  }

  /// The header's number says how long, in milliseconds, and by its sign whether the place is a collective.
  private func write(_ position: Whereabouts.Position, to answer: MessageHeader) {
    let (seconds, attoseconds) = position.duration.components
    let milliseconds = Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    answer.write(position.place, payloadBytes: position.isCollective ? -1 - milliseconds : milliseconds)
  }

  private func position(from answer: MessageHeader) -> Whereabouts.Position {
    let number = answer.payloadBytes
    return Whereabouts.Position(
      place: answer.name, duration: .milliseconds(number < 0 ? -1 - number : number), isCollective: number < 0)
  }
}
