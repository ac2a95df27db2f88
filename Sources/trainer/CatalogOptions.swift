import Attention
import Configuration
import Models
import Training

/// What the section of a network or an attention module takes in a run file: its reader is asked, so that the list is
/// always that of the program.
struct CatalogOptions: Encodable {
  struct Option: Encodable {
    let key: String
    /// Where nothing is written, as a run file has it.
    let value: String
    /// What can stand there, in words.
    let takes: String
  }

  let name: String
  let paper: String
  let options: [Option]

  /// - Throws: `ConfigError` for a name that neither catalogue has, with the nearest one.
  init(_ name: String) throws {
    let section = ConfigSection(named: name)
    var stages = "all"
    if let entry = ModelCatalog.entries[name] {
      paper = entry.paper
      _ = try ModelCatalog.network(section, classes: entry.classes)
    } else if let entry = AttentionCatalog.entries[name] {
      paper = entry.paper
      let own = try AttentionCatalog.slot(section)?.stages
      stages = own.map { "[\($0.sorted().map(String.init).joined(separator: ", "))]" } ?? stages
    } else {
      let known = Array(ModelCatalog.entries.keys) + AttentionCatalog.entries.keys
      throw ConfigError(
        path: "NAME", problem: .unknownName(kind: "network or attention module", found: name, known: known.sorted()))
    }
    self.name = name
    // Which stages a module stands in where nothing is written is its own.
    options = section.options.filter { $0.key != "name" }.map {
      Option(key: $0.key, value: $0.key == "stages" ? stages : $0.value, takes: $0.wanted)
    }
  }

  /// A heading and a table.
  func text(markdown: Bool) -> String {
    let table = SummaryTable(
      columns: [.init("option"), .init("default"), .init("takes")], rows: options.map { [$0.key, $0.value, $0.takes] })
    let heading = "\(name) (\(paper))"
    guard !options.isEmpty else { return "\(heading): no options\n" }
    return "\(heading)\n\n\(markdown ? table.markdown : table.text)"
  }
}
