import Communication
import Configuration
import Graphs

/// Where a run begins: its folder, and the checkpoint it goes on from. Rank 0 looks; the others are told.
struct RunStart: Codable {
  var folder: String
  /// The checkpoint to restore, and what it says; `nil` for a fresh run.
  var checkpoint: String?
  var info: CheckpointInfo?
  /// Sentences about what was found.
  var remarks: [String] = []
  /// What of it somebody may not have wanted.
  var warnings: [String] = []
}

extension TrainingRun {
  /// Chooses folder and checkpoint on rank 0 and tells everybody.
  func chooseStart(_ communicator: any Communicator) throws -> RunStart {
    try communicator.decidedByFirst("start of the run", findStart)
  }

  private func findStart() throws -> RunStart {
    let use: RunFolder.Use = request.resume == nil ? .fresh : .resumed
    let folder = try RunFolder(request.output, name: request.name, use: use)
    var start = RunStart(folder: folder.path)
    switch request.resume {
    case nil: break
    case .path(let path):
      let checkpoint = try CheckpointReader(path)
      start.checkpoint = path
      start.info = checkpoint.info
    case .latest:
      let found = CheckpointReader.newestGood(CheckpointStore(folder: folder.checkpoints))
      start.warnings = found.broken.map { "a checkpoint is broken and passed over: \($0)" }
      start.checkpoint = found.checkpoint?.path
      start.info = found.checkpoint?.info
      if found.checkpoint == nil { start.remarks.append("no checkpoint in \(folder.checkpoints) yet: the run begins") }
    }
    if let path = start.checkpoint, let info = start.info {
      start.remarks.append(
        "resumed from \(path): step \(info.step), parameters, running statistics, moments, data position, best metric")
      start.warnings += differences(from: info).map { "not what an unbroken run gives: \($0)" }
    }
    return start
  }

  /// What the run file says otherwise than the checkpoint, where that changes the numbers.
  private func differences(from info: CheckpointInfo) -> [String] {
    let settings = experiment.settings
    let counts = [
      ("data.batch", settings.globalBatch, info.globalBatch), ("run.seed", Int(settings.seed), Int(info.seed)),
      ("distributed.replicas", settings.replicas == 0 ? info.replicas : settings.replicas, info.replicas),
    ].compactMap { key, now, then in now == then ? nil : "\(key) is \(now), in the checkpoint it was \(then)" }
    guard let then = try? RunFile(text: info.runFile) else { return counts }
    let others = experiment.file.differences(from: then).filter { Self.decides($0.path) }
    return counts + others.map { "\($0.path) is \($0.now), in the checkpoint it was \($0.then)" }
  }

  /// Whether a key of the run file changes the numbers of a resumed run. Seed, batch and replicas do too, and are
  /// compared with what the checkpoint itself says.
  private static func decides(_ path: String) -> Bool {
    let indifferent = [
      "data.batch", "data.root", "data.loader_threads", "data.batches_ahead", "data.max_broken", "data.evaluation_batch",
      "data.follow_links", "model.weights",
    ]
    let deciding = [
      "model", "data", "task", "optimizer", "schedule", "run.epochs", "run.steps", "run.tune", "distributed.reduction",
      "distributed.compression", "distributed.sync_every", "distributed.sync_from",
    ]
    func isUnder(_ keys: [String]) -> Bool { keys.contains { path == $0 || path.hasPrefix($0 + ".") } }
    return isUnder(deciding) && !isUnder(indifferent)
  }

  /// Restores the model on rank 0, or gives it the weights that a fresh run starts from, and gives it to everybody:
  /// parameters are the same on all ranks from here on.
  /// - Returns: what rank 0 has to say of the weights.
  func restore(
    _ start: RunStart, _ runners: NetworkRunners, _ update: ParameterUpdate, _ communicator: any Communicator
  ) throws -> [String] {
    let state = runners.state, blocks = try update.blocksToRestore()
    var remarks: [String] = []
    if communicator.rank == 0, let path = start.checkpoint {
      try CheckpointReader(path).restore(state, blocks: blocks)
    } else {
      if communicator.rank == 0, let weights = experiment.startingWeights {
        remarks = try weights.load(into: runners).lines
      }
      update.startAverage()
    }
    for (name, values) in [("parameters", state.values)] + blocks.map({ ($0.name, $0.values) }) {
      try communicator.broadcast(
        name, UnsafeMutableRawBufferPointer(start: values.pointer, count: values.shape.byteCount))
    }
    update.restore(blocks)
    for path in state.counters.keys.sorted() {
      var count = Int64(state.counters[path]!)
      try withUnsafeMutableBytes(of: &count) { try communicator.broadcast(path, $0) }
      state.counters[path] = Int(count)
    }
    return remarks
  }
}
