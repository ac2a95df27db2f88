import Testing
import Training

/// Tables with columns that stay columns.
@Suite struct SummaryTableTests {
  private let table = SummaryTable(
    columns: [.init("network"), .init("parameters", .right), .init("note")],
    rows: [["resnet20", "272,474", "plain"], ["残差", "11,689,512", ""], ["café", "1", "a|b\nc"]])

  @Test func textAlignsWordsLeftAndNumbersRight() {
    #expect(
      table.text == """
        network   parameters  note
        ────────  ──────────  ─────
        resnet20     272,474  plain
        残差      11,689,512
        café               1  a|b c

        """)
  }

  @Test func markdownEscapesBars() {
    #expect(
      table.markdown == """
        | network  | parameters | note   |
        | -------- | ---------: | ------ |
        | resnet20 |    272,474 | plain  |
        | 残差     | 11,689,512 |        |
        | café     |          1 | a\\|b c |

        """)
  }

  @Test func tableWithoutTitlesHasNoHead() {
    let table = SummaryTable(columns: [.init(""), .init("", .right)], rows: [["time", "3 min"], ["top1", "77.2 %"]])
    #expect(table.text == "time   3 min\ntop1  77.2 %\n")
  }

  @Test func emptyTableIsItsHead() {
    #expect(SummaryTable(columns: [.init("name")]).text == "name\n────\n")
  }

  @Test(arguments: [
    ("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("残差", 4), ("한국", 4), ("🐕", 2), ("✓", 1), ("a\u{200B}b", 2),
    ("ﾊﾝｶｸ", 4), ("Ｆ", 2),
  ])
  func width(text: String, columns: Int) {
    #expect(text.displayWidth == columns)
  }

  @Test func shorteningCountsColumns() {
    #expect("残差接続".shortened(toWidth: 5) == "残差…")
    #expect("残差接続".shortened(toWidth: 4) == "残…")
    #expect("abc".shortened(toWidth: 3) == "abc" && "abc".shortened(toWidth: 0) == "")
  }
}
