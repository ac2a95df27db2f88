import COpenBLAS
import CProcessor
import Glibc

/// What this build was made for, what this machine offers, and the threads that this process may use.
public enum Processor {
  /// The number of processors that the operating system lets this thread run on.
  public static var affinityCount: Int { Int(processor_affinity_count()) }

  /// The kernel family that OpenBLAS uses, such as `SkylakeX` or `Haswell`.
  public static var blasKernel: String {
    _ = hasChosenBLASKernels
    return String(cString: openblas_get_corename())
  }

  /// A processor's vector instructions, by their width.
  public enum Instructions: Int, Comparable, Sendable, CustomStringConvertible {
    case basic, avx2, avx512

    public static func < (a: Instructions, b: Instructions) -> Bool { a.rawValue < b.rawValue }

    public var description: String { ["128-bit vectors", "AVX2", "AVX-512"][rawValue] }
  }

  /// The widest vectors that this processor offers.
  public static var instructions: Instructions {
    processor_has_avx512() != 0 ? .avx512 : processor_has_avx2() != 0 ? .avx2 : .basic
  }

  /// The widest vectors that OpenBLAS's kernels of a family use.
  public static func instructions(ofBLASKernel name: String) -> Instructions {
    switch name.uppercased() {
    case "SKYLAKEX", "COOPERLAKE", "SAPPHIRERAPIDS", "ZEN4", "ZEN5": .avx512
    case "HASWELL", "BROADWELL", "ZEN", "EXCAVATOR": .avx2
    default: .basic
    }
  }

  /// A warning when OpenBLAS uses slower kernels than this processor could run, with the remedy; `nil` when all is
  /// well.
  public static var blasWarning: String? { blasWarning(kernel: blasKernel, on: instructions) }

  package static func blasWarning(kernel: String, on offered: Instructions) -> String? {
    guard let remedy = blasRemedy(kernel: kernel, on: offered) else { return nil }
    return "OpenBLAS uses its \(kernel) kernels although this processor has \(offered): matrix products run at a "
      + "fraction of their speed; start with `\(remedy)`"
  }

  /// What to put before the command line so that OpenBLAS uses the widest kernels that this processor can run; `nil`
  /// when it does.
  public static var blasRemedy: String? { blasRemedy(kernel: blasKernel, on: instructions) }

  /// The environment has the last word on OpenBLAS's kernels; without it a library older than the processor takes its
  /// oldest ones.
  private static func blasRemedy(kernel: String, on offered: Instructions) -> String? {
    guard instructions(ofBLASKernel: kernel) < offered else { return nil }
    if getenv("OPENBLAS_CORETYPE") != nil { return "env -u OPENBLAS_CORETYPE" }
    return "env OPENBLAS_CORETYPE=" + (offered == .avx512 ? "SkylakeX" : "Haswell")
  }

  /// A sentence when this build needs instructions that this machine lacks; `nil` when it can run.
  public static var unsupportedBuild: String? {
    let wanted = Int(processor_built_level)
    let offered = processor_has_avx512() != 0 ? 4 : processor_has_avx2() != 0 ? 3 : 2
    #if arch(x86_64)
      guard offered < wanted else { return nil }
      return "this build needs a processor of level x86-64-v\(wanted), this machine offers x86-64-v\(offered); "
        + "build with TRAINER_MARCH=x86-64-v\(offered) swift build -c release"
    #else
      return nil
    #endif
  }

  /// Keeps OpenBLAS from starting threads of its own inside ours: they fight for the same cores.
  public static func confineBLAS() {
    _ = hasChosenBLASKernels
    openblas_set_num_threads(1)
  }

  /// The numbers of the processors that the calling thread may run on, in order; empty where the system does not say.
  public static var affinity: [Int] {
    var allowed = [UInt8](repeating: 0, count: Int(processor_limit))
    return processor_get_affinity(&allowed) == 0 ? allowed.indices.filter { allowed[$0] != 0 } : []
  }

  /// Confines the calling thread, and those that it starts from now on, to these processors. Returns false where the
  /// system refuses.
  @discardableResult
  public static func confine(to processors: [Int]) -> Bool {
    var allowed = [UInt8](repeating: 0, count: Int(processor_limit))
    for processor in processors where allowed.indices.contains(processor) { allowed[processor] = 1 }
    return processor_set_affinity(allowed) == 0
  }
}

/// How the calling thread treats numbers below 2^-126.
public struct FloatingPointMode: Sendable {
  private let bits: UInt32

  /// Sets flush-to-zero and denormals-are-zero for the calling thread; returns what was set before.
  @discardableResult
  public static func flushToZero() -> FloatingPointMode {
    let before = processor_get_float_mode()
    processor_set_float_mode(before | processor_flush_to_zero_bits())
    return FloatingPointMode(bits: before)
  }

  /// Sets the calling thread's mode back to this one.
  public func restore() { processor_set_float_mode(bits) }
}
