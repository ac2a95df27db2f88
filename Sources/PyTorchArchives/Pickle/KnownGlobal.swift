import Safetensors

/// The functions and types that a pickle may name: all that files of weights need.
///
/// They are never looked up, imported or called: `PickleMachine` does what each means to a weight. Any other name is
/// refused, however harmless it sounds.
enum KnownGlobal: Hashable, Sendable {
  case orderedDictionary
  /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`.
  case rebuildTensor
  /// `_rebuild_tensor_v3(…, dtype)`: the same over a storage of bytes.
  case rebuildTypedTensor
  /// `_rebuild_parameter(tensor, …)`: the tensor.
  case rebuildParameter
  /// `torch.Size(tuple)`: the tuple.
  case size
  case storageType(StorageType)
  case elementType(ElementType?)
  /// A type whose objects training leaves beside the weights: options, counters, NumPy's numbers.
  case opaque

  /// The meaning of `module.name`; `nil` for whatever is not data.
  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_tensor_v3"): self = .rebuildTypedTensor
    case ("torch._utils", "_rebuild_parameter"), ("torch._utils", "_rebuild_parameter_with_state"):
      self = .rebuildParameter
    case ("torch", "Size"): self = .size
    case ("torch", _), ("torch.cuda", _), ("torch.storage", _):
      if let type = Self.storages[name] {
        self = .storageType(type)
      } else if module == "torch", let type = Self.elementTypes[name] {
        self = .elementType(type)
      } else if module == "torch", Self.otherElementTypes.contains(name) {
        self = .elementType(nil)
      } else if module == "torch", name == "device" {
        self = .opaque
      } else {
        return nil
      }
    default:
      guard Self.harmless.contains("\(module).\(name)") else { return nil }
      self = .opaque
    }
  }

  private static let storages: [String: StorageType] = [
    "DoubleStorage": .init(.float64), "FloatStorage": .init(.float32), "HalfStorage": .init(.float16),
    "BFloat16Storage": .init(.bfloat16), "LongStorage": .init(.int64), "IntStorage": .init(.int32),
    "ShortStorage": .init(.int16), "CharStorage": .init(.int8), "ByteStorage": .init(.uint8),
    "BoolStorage": .init(.bool), "UntypedStorage": .init(.uint8), "TypedStorage": .init(.uint8),
    "ComplexFloatStorage": .init(elementType: nil, byteCount: 8),
    "ComplexDoubleStorage": .init(elementType: nil, byteCount: 16),
    "QInt8Storage": .init(elementType: nil, byteCount: 1), "QUInt8Storage": .init(elementType: nil, byteCount: 1),
    "QInt32Storage": .init(elementType: nil, byteCount: 4),
  ]

  private static let elementTypes: [String: ElementType] = [
    "float64": .float64, "double": .float64, "float32": .float32, "float": .float32, "float16": .float16,
    "half": .float16, "bfloat16": .bfloat16, "int64": .int64, "long": .int64, "int32": .int32, "int": .int32,
    "int16": .int16, "short": .int16, "int8": .int8, "uint8": .uint8, "uint16": .uint16, "uint32": .uint32,
    "uint64": .uint64, "bool": .bool,
  ]

  /// Tensors of these are passed over: no network here has any.
  private static let otherElementTypes: Set = [
    "complex32", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2", "qint8", "quint8", "qint32",
  ]

  /// `_codecs.encode` is how Python 3 writes bytes in its second protocol; `__builtin__` is Python 2's `builtins`.
  private static let harmless: Set = [
    "argparse.Namespace", "collections.Counter", "collections.defaultdict", "_codecs.encode", "__builtin__.set",
    "builtins.set", "__builtin__.dict", "builtins.dict", "numpy.dtype", "numpy.ndarray", "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar", "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
  ]
}

extension StorageType {
  init(_ type: ElementType) { self.init(elementType: type, byteCount: type.byteCount) }
}
