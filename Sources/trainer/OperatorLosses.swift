import Graphs
import Training

/// What every operator of a training step loses against the limits of the machine, most first.
///
/// The limit of a step is the longer of two times: its multiply-adds at the measured rate of matrix products, and its
/// bytes at the measured rate of copies (Williams, Waterman, Patterson; Roofline, CACM 2009).
struct OperatorLosses: Encodable {
  /// GFLOP/s of matrix products and GB/s of copies, on all workers at once.
  let gemmGflops: Double
  let copyGigabytes: Double
  /// Of the steps that multiply, the share of their time spent at 85 % of their limit or more.
  let productTimeNearLimit: Double
  /// Of the steps that move memory, the share of their time spent at 70 % of their limit or more.
  let memoryTimeNearLimit: Double
  let rows: [Row]

  /// Steps that do the same work on the same shapes.
  struct Row: Encodable {
    let `operator`: String
    let direction: String
    let shapes: String
    let count: Int
    let milliseconds: Double
    /// Of the time of all steps.
    let share: Double
    let gflopsPerSecond: Double
    let gigabytesPerSecond: Double
    /// `matrix products` or `copies`: which of the two takes longer.
    let limit: Limit
    let shareOfLimit: Double
    /// Milliseconds beyond the limit; below zero where data stayed in the cache.
    let lostMilliseconds: Double
  }

  enum Limit: String, Encodable { case products = "matrix products", copies }

  init(_ result: StepBenchmark.Result) {
    let total = result.cases.reduce(0) { $0 + $1.seconds }
    rows = result.cases.filter { $0.seconds > 0 }.map { sum in
      let operations = 2 * Double(sum.multiplyAdds), bytes = Double(sum.bytesMoved)
      let products = operations / result.gemmFlops, copies = bytes / result.copyBytes, limit = max(products, copies)
      return Row(
        operator: sum.work.kind.name, direction: sum.work.kind.direction, shapes: sum.work.shapes, count: sum.count,
        milliseconds: sum.seconds * 1e3, share: sum.seconds / total, gflopsPerSecond: 1e-9 * operations / sum.seconds,
        gigabytesPerSecond: 1e-9 * bytes / sum.seconds, limit: products > copies ? .products : .copies,
        shareOfLimit: limit / sum.seconds, lostMilliseconds: (sum.seconds - limit) * 1e3)
    }.sorted { $0.lostMilliseconds > $1.lostMilliseconds }
    gemmGflops = result.gemmFlops / 1e9
    copyGigabytes = result.copyBytes / 1e9
    productTimeNearLimit = Self.timeShare(rows.filter { $0.limit == .products }, from: 0.85)
    memoryTimeNearLimit = Self.timeShare(rows.filter { $0.limit == .copies }, from: 0.7)
  }

  /// The share of time that rows with at least `share` of their limit have; 1 where there are none.
  private static func timeShare(_ rows: [Row], from share: Double) -> Double {
    let all = rows.reduce(0) { $0 + $1.milliseconds }
    return all == 0 ? 1 : rows.filter { $0.shareOfLimit >= share }.reduce(0) { $0 + $1.milliseconds } / all
  }

  /// Tables for people: only the rate that sets the limit is shown.
  var text: String {
    func number(_ value: Double) -> String { NumberText.fixed(value, decimals: 1) }
    func milliseconds(_ limit: Limit) -> Double { rows.filter { $0.limit == limit }.reduce(0) { $0 + $1.milliseconds } }
    let lost = rows.reduce(0) { $0 + max($1.lostMilliseconds, 0) }
    let summary = SummaryTable(
      columns: [
        .init("limited by"), .init("measured", .right), .init(""), .init("ms", .right), .init("near the limit"),
      ],
      rows: [
        [
          "matrix products", number(gemmGflops), "GFLOP/s", number(milliseconds(.products)),
          "\(NumberText.percent(productTimeNearLimit)) of that time at 85 % of the limit or more",
        ],
        [
          "copies", number(copyGigabytes), "GB/s", number(milliseconds(.copies)),
          "\(NumberText.percent(memoryTimeNearLimit)) of that time at 70 % of the limit or more",
        ],
        ["lost to the limits", "", "", number(lost), ""],
      ])
    let table = SummaryTable(
      columns: [
        .init("operator"), .init("direction"), .init("shapes"), .init("steps", .right), .init("ms", .right),
        .init("share", .right), .init("GFLOP/s", .right), .init("GB/s", .right), .init("of limit", .right),
        .init("ms lost", .right),
      ],
      rows: rows.map { row in
        let isProduct = row.limit == .products
        return [
          row.operator, row.direction, row.shapes, "\(row.count)", number(row.milliseconds),
          NumberText.percent(row.share), isProduct ? number(row.gflopsPerSecond) : "",
          isProduct ? "" : number(row.gigabytesPerSecond), NumberText.percent(row.shareOfLimit),
          number(abs(row.lostMilliseconds) < 0.05 ? 0 : row.lostMilliseconds),
        ]
      })
    return summary.text + "\n" + table.text
  }
}
