import ArgumentParser
import Attention
import Foundation
import Graphs
import Models
import Tasks
import Training

/// `trainer models`: what the catalogue has.
struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the networks and attention modules of the catalogue.",
    discussion: """
      Example: trainer models --markdown

      Every network takes every attention module. Multiply-adds are for one image of the network's own size.
      """)

  @Flag(help: "One JSON object.")
  var json = false

  @Flag(help: "Tables in Markdown.")
  var markdown = false

  func validate() throws {
    if json && markdown { throw ValidationError("--json and --markdown are two forms of one thing: give one of them") }
  }

  func run() throws {
    try Job.start { job in
      guard job.communicator.rank == 0 else { return .success }
      let listing = try Listing()
      if json {
        print(try jsonText(listing))
      } else {
        let tables = [listing.networkTable, listing.attentionTable]
        print(tables.map { markdown ? $0.markdown : $0.text }.joined(separator: "\n"), terminator: "")
      }
      return .success
    }
  }

  private struct Listing: Encodable {
    struct Network: Encodable {
      let name: String
      let parameters: Int
      let multiplyAdds: Int
      let imageSize: Int
      let classes: Int
      let paper: String
    }

    struct Module: Encodable {
      let name: String
      let category: String
      let paper: String
    }

    let networks: [Network]
    let attentions: [Module]

    init() throws {
      networks = try ModelCatalog.entries.map { name, entry in
        let named = try NamedNetwork(name)
        let graph = try NetworkRunners.graph(
          named.network, Classification(), batch: 1, image: [named.imageSize, named.imageSize, 3], mode: .inference)
        return Network(
          name: name, parameters: graph.parameterCount, multiplyAdds: graph.multiplyAdds, imageSize: entry.imageSize,
          classes: entry.classes, paper: entry.paper)
      }.sorted { $0.name.compare($1.name, options: .numeric) == .orderedAscending }
      attentions = AttentionCatalog.entries.map { Module(name: $0, category: $1.category, paper: $1.paper) }
        .sorted { $0.name < $1.name }
    }

    var networkTable: SummaryTable {
      SummaryTable(
        columns: [
          .init("network"), .init("parameters", .right), .init("multiply-adds", .right), .init("image", .right),
          .init("classes", .right), .init("paper"),
        ],
        rows: networks.map {
          [
            $0.name, NumberText.grouped($0.parameters), NumberText.grouped($0.multiplyAdds), "\($0.imageSize)",
            "\($0.classes)", $0.paper,
          ]
        })
    }

    var attentionTable: SummaryTable {
      SummaryTable(
        columns: [.init("attention"), .init("weights"), .init("paper")],
        rows: attentions.map { [$0.name, $0.category, $0.paper] })
    }
  }
}
