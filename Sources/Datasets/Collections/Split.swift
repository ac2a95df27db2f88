/// Which part of a data set is read.
public enum Split: String, CaseIterable, Sendable {
  case training, evaluation
}
