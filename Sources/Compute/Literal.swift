/// A small number that is known when a kernel is compiled. Each gets a function of its own: over one with all of them
/// the compiler takes four minutes.
public protocol Literal {
  static var value: Int { get }
}
public enum One: Literal { @inlinable public static var value: Int { 1 } }
public enum Two: Literal { @inlinable public static var value: Int { 2 } }
public enum Three: Literal { @inlinable public static var value: Int { 3 } }
public enum Four: Literal { @inlinable public static var value: Int { 4 } }
public enum Five: Literal { @inlinable public static var value: Int { 5 } }
public enum Six: Literal { @inlinable public static var value: Int { 6 } }
public enum Seven: Literal { @inlinable public static var value: Int { 7 } }
