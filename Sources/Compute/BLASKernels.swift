import COpenBLAS
import CProcessor
import Glibc

/// OpenBLAS's kernels on processors that it does not know.
///
/// It chooses by the processor's model number, and a release older than the processor falls back to its oldest kernels:
/// on a Xeon of model 207, version 0.3.21 takes "Prescott", 30 GFLOP/s a core where its AVX-512 kernels reach 140.
extension Processor {
  /// Has OpenBLAS choose once more, told what this processor can do. Left alone where it knows the processor, where the
  /// environment decides (`OPENBLAS_CORETYPE`), and where the library was built for a single processor.
  ///
  /// A global that is initialised once, before the first product: nobody may be inside OpenBLAS meanwhile.
  static let hasChosenBLASKernels: Bool = {
    let old = ["PRESCOTT", "NORTHWOOD", "CORE2", "PENRYN", "NEHALEM", "SANDYBRIDGE"]
    guard processor_has_avx512() != 0, getenv(coreType) == nil,
      old.contains(String(cString: openblas_get_corename()).uppercased()),
      let quit = dlsym(nil, "gotoblas_dynamic_quit"), let start = dlsym(nil, "gotoblas_dynamic_init")
    else { return false }
    typealias Function = @convention(c) () -> Void
    setenv(coreType, "SkylakeX", 1)
    unsafeBitCast(quit, to: Function.self)()
    unsafeBitCast(start, to: Function.self)()
    unsetenv(coreType)
    return true
  }()

  private static let coreType = "OPENBLAS_CORETYPE"
}
