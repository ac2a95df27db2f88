import COpenBLAS
import CProcessor

/// What this build was made for, what this machine offers, and the threads that this process may use.
public enum Processor {
  /// The number of processors that the operating system lets this thread run on.
  public static var affinityCount: Int { Int(processor_affinity_count()) }

  /// The kernel family that OpenBLAS chose at load, such as `Cooperlake` or `Haswell`.
  public static var blasKernel: String { String(cString: openblas_get_corename()) }

  /// A warning when OpenBLAS uses slower kernels than this processor could run, with the remedy; `nil` when all is
  /// well.
  public static var blasWarning: String? {
    let wide = ["SKYLAKEX", "COOPERLAKE", "SAPPHIRERAPIDS", "ZEN4", "ZEN5"]
    guard processor_has_avx512() != 0, !wide.contains(blasKernel.uppercased()) else { return nil }
    return "OpenBLAS uses its \(blasKernel) kernels although this processor has AVX-512: matrix products run at about half "
      + "speed. Is OPENBLAS_CORETYPE set? Start with `env -u OPENBLAS_CORETYPE`."
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
  public static func confineBLAS() { openblas_set_num_threads(1) }

  /// Confines the calling thread to one processor of its mask. Returns false where the system refuses.
  @discardableResult
  public static func pin(to index: Int) -> Bool { processor_pin_to(Int32(index)) == 0 }
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
