import ArgumentParser
import Attention
import Configuration
import Foundation
import Graphs
import Models
import Tasks
import Training

/// `trainer models`: what the catalogue has.
struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the networks and attention modules of the catalogue, or the options of one.",
    discussion: """
      Examples: trainer models --markdown
                trainer models cbam

      Multiply-adds are for one image of the network's own size. What an attention module adds is counted in resnet50
      at 224 pixels with the module's own defaults. Parity names a file of reference numbers under Tests/Fixtures that
      `trainer verify` holds it to.
      """)

  @Argument(help: "A network or an attention module: lists what its section of a run file takes.")
  var name: String?

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
      if let name {
        let options = try CatalogOptions(name)
        print(json ? try jsonText(options) : options.text(markdown: markdown), terminator: json ? "\n" : "")
        return .success
      }
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
      /// What it adds to the host.
      let addedParameters: Int
      let addedMultiplyAdds: Int
      let parity: String
    }

    /// The host that modules are counted in.
    private static let host = "resnet50"

    let networks: [Network]
    let attentions: [Module]

    init() throws {
      networks = try ModelCatalog.entries.map { name, entry in
        let graph = try Self.graph(name)
        return Network(
          name: name, parameters: graph.parameterCount, multiplyAdds: graph.multiplyAdds, imageSize: entry.imageSize,
          classes: entry.classes, paper: entry.paper)
      }.sorted { $0.name.compare($1.name, options: .numeric) == .orderedAscending }
      let plain = try Self.graph(Self.host)
      attentions = try AttentionCatalog.entries.map { name, entry in
        // Modules in time see the frames of whole clips.
        let images = entry.isTemporal ? AttentionCatalog.defaultFrames : 1
        let graph = try Self.graph(Self.host, attention: name, images: images)
        return Module(
          name: name, category: entry.category, paper: entry.paper,
          addedParameters: graph.parameterCount - plain.parameterCount,
          addedMultiplyAdds: graph.multiplyAdds / images - plain.multiplyAdds, parity: entry.reference)
      }.sorted { ($0.category, $0.name) < ($1.category, $1.name) }
    }

    private static func graph(_ network: String, attention: String? = nil, images: Int = 1) throws -> Graph {
      let named = try NamedNetwork(network, attention: attention)
      return try NetworkRunners.graph(
        named.network, Classification(), batch: images, image: [named.imageSize, named.imageSize, 3], mode: .inference)
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
        columns: [
          .init("attention"), .init("weights"), .init("parameters", .right), .init("multiply-adds", .right),
          .init("parity"), .init("paper"),
        ],
        rows: attentions.map {
          [
            $0.name, $0.category, added($0.addedParameters), added($0.addedMultiplyAdds), $0.parity,
            $0.paper,
          ]
        })
    }

    private func added(_ number: Int) -> String { (number < 0 ? "" : "+") + NumberText.grouped(number) }
  }
}
