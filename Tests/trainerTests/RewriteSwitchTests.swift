import Foundation
import Testing

/// Rewrites of the graph change the rounding of a training and nothing else.
@Suite struct RewriteSwitchTests {
  @Test(arguments: ["se", "{name: cat, factor_start: 1}"])
  func `Twenty steps without any rewrite give the same curve`(attention: String) throws {
    let run = try TinyRun(), names = try rewrites()
    #expect(names.contains("fuse_normalization") && names.contains("choose_convolution_methods"))
    // At ten times this rate two roundings part by 3e-3 in twenty steps, starting from none: each step amplifies
    // what the one before left, by how far it goes.
    let settings = [
      "distributed.replicas=1", "data.image_size=32", "data.batch=32", "optimizer.learning_rate=0.0005", "run.steps=20",
      "model.attention=\(attention)",
    ]
    try run.train("rewritten", settings)
    try run.train("plain", settings + ["run.disable_rewrites=[\(names.joined(separator: ", "))]"])
    let rewritten = try run.last("loss", "rewritten"), plain = try run.last("loss", "plain")
    #expect(abs(rewritten - plain) < 1e-4 * plain)
    #expect(try run.bytes("rewritten") != run.bytes("plain"), "nothing was switched off")
  }

  @Test func `A name that is nearly one is offered, as in a run file`() throws {
    let refused = try Program.run(["benchmark", "--disable-rewrite", "fuse_normalisation"])
    #expect(refused.code == 64)
    for part in [
      "--disable-rewrite: wanted names among", "found 'fuse_normalisation'; did you mean 'fuse_normalization'?",
    ] {
      #expect(refused.errors.contains(part), "\(refused.errors)")
    }
  }

  /// The names that the program offers when it is given another.
  private func rewrites() throws -> [String] {
    let refused = try Program.run(["benchmark", "--disable-rewrite", "none"])
    #expect(refused.code == 64)
    let list = try #require(refused.errors.firstMatch(of: /wanted names among ([a-z0-9_, ]+), found 'none'/)).1
    return list.split(separator: ", ").map(String.init)
  }
}
