/// The type of a tensor's elements, under the format's own names.
public enum ElementType: String, CaseIterable, Hashable, Sendable {
  case float64 = "F64"
  case float32 = "F32"
  case float16 = "F16"
  /// The upper half of a 32-bit float.
  case bfloat16 = "BF16"
  case int64 = "I64"
  case int32 = "I32"
  case int16 = "I16"
  case int8 = "I8"
  case uint64 = "U64"
  case uint32 = "U32"
  case uint16 = "U16"
  case uint8 = "U8"
  case bool = "BOOL"

  /// The bytes of one element.
  public var byteCount: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// Whether elements are floating-point numbers; otherwise they are whole ones.
  public var isFloatingPoint: Bool { [.float64, .float32, .float16, .bfloat16].contains(self) }
}

extension ElementType {
  /// Element `index` of `bytes` as a float, rounded to the nearest; `nil` for a type that is not a floating-point one.
  package func float(at index: Int, of bytes: UnsafeRawBufferPointer) -> Float? {
    func load<Value: BitwiseCopyable>(_ type: Value.Type) -> Value {
      bytes.loadUnaligned(fromByteOffset: index * byteCount, as: type)
    }
    return switch self {
    case .float64: Float(load(Double.self))
    case .float32: load(Float.self)
    case .float16: Float(load(Float16.self))
    case .bfloat16: Float(bitPattern: UInt32(load(UInt16.self)) << 16)
    default: nil
    }
  }

  /// Element `index` of `bytes` as a whole number; `nil` for a floating-point type, and for what does not fit.
  package func integer(at index: Int, of bytes: UnsafeRawBufferPointer) -> Int? {
    func load<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type) -> Int? {
      Int(exactly: bytes.loadUnaligned(fromByteOffset: index * byteCount, as: type))
    }
    return switch self {
    case .int64: load(Int64.self)
    case .int32: load(Int32.self)
    case .int16: load(Int16.self)
    case .int8: load(Int8.self)
    case .uint64: load(UInt64.self)
    case .uint32: load(UInt32.self)
    case .uint16: load(UInt16.self)
    case .uint8, .bool: load(UInt8.self)
    default: nil
    }
  }
}

/// What a file says of one tensor.
public struct TensorInfo: Hashable, Sendable {
  public let elementType: ElementType
  /// The extents, outermost first, in the file's own layout; empty for a single number.
  public let shape: [Int]
  /// Where the elements lie, in bytes from the beginning of the file.
  public let byteRange: Range<Int>

  /// The number of elements.
  public var count: Int { byteRange.count / elementType.byteCount }
}
