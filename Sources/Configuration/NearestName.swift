/// The known name that a misspelt one most likely stands for, or `nil` when none is near.
///
/// Distance is the number of inserted, deleted, replaced or swapped neighbouring characters (optimal string alignment),
/// without regard to case and to `-` or `_`. Near means at most a third of the word, or that one begins with the other.
/// Of equally near names the alphabetically first wins.
public func nearestName(to name: String, among known: some Sequence<String>) -> String? {
  let word = folded(name)
  // The table below is quadratic: a file's worth of text is not a misspelt name.
  guard !word.isEmpty, word.count <= 64 else { return nil }
  var best: (name: String, distance: Int)?
  for candidate in known.sorted() where candidate.utf8.count <= 64 {
    let other = folded(candidate)
    var distance = alignmentDistance(word, other)
    let allowed = max(1, max(word.count, other.count) / 3)
    if distance > allowed {
      guard min(word.count, other.count) >= 3, word.starts(with: other) || other.starts(with: word) else { continue }
      distance = allowed + 1
    }
    if best.map({ distance < $0.distance }) ?? true { best = (candidate, distance) }
  }
  return best?.name
}

private func folded(_ name: String) -> [Character] {
  name.lowercased().map { $0 == "-" ? "_" : $0 }
}

private func alignmentDistance(_ a: [Character], _ b: [Character]) -> Int {
  var beforePrevious = [Int](repeating: 0, count: b.count + 1)
  var previous = Array(0...b.count)
  for i in a.indices {
    var row = [i + 1]
    for j in b.indices {
      var cost = min(previous[j + 1] + 1, row[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforePrevious[j - 1] + 1) }
      row.append(cost)
    }
    (beforePrevious, previous) = (previous, row)
  }
  return previous[b.count]
}
