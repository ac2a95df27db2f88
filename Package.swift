// swift-tools-version: 6.1
// The plan of the house: targets stand in floor order, each uses only what it names.
import Foundation
import PackageDescription

/// The processor that kernels are compiled for: `native`, or for a mixed cluster a common level such as `x86-64-v3`.
let march = ProcessInfo.processInfo.environment["TRAINER_MARCH"] ?? "native"

/// Every target sees the same vector registers, because vectors are passed between targets by value.
let processor = SwiftSetting.unsafeFlags(["-Xcc", "-march=\(march)"])

/// Kernels are optimised in debug builds too: an unoptimised one is a hundred times slower, too slow to debug with.
let kernel = [processor, SwiftSetting.unsafeFlags(["-Ounchecked"])]

let package = Package(
  name: "trainer",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "trainer", targets: ["trainer"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    // System libraries: a module map and a shim header, no logic.
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CProcessor"),
    .systemLibrary(name: "CCairo", pkgConfig: "cairo", providers: [.apt(["libcairo2-dev"])]),

    // Ground: every target above may use these two.
    .target(
      name: "Configuration", dependencies: [.product(name: "Yams", package: "Yams")],
      swiftSettings: [processor]),
    .target(name: "Compute", dependencies: ["COpenBLAS", "CProcessor"], swiftSettings: kernel),

    // The model tower.
    .target(name: "Operators", dependencies: ["Compute"], swiftSettings: kernel),
    .target(name: "Graphs", dependencies: ["Operators", "Compute"], swiftSettings: [processor]),
    .target(name: "Layers", dependencies: ["Graphs", "Operators", "Compute"], swiftSettings: [processor]),
    .target(name: "Attention", dependencies: ["Layers", "Configuration"], swiftSettings: [processor]),
    .target(name: "Models", dependencies: ["Attention", "Layers", "Configuration"], swiftSettings: [processor]),

    // The training tower.
    .target(name: "Communication", dependencies: ["Compute", "COpenMPI"], swiftSettings: [processor]),
    .target(name: "Safetensors", dependencies: ["Compute", "CZlib"], swiftSettings: [processor]),
    .target(name: "PyTorchArchives", dependencies: ["Safetensors", "CZlib"], swiftSettings: [processor]),
    .target(name: "Optimizers", dependencies: ["Compute", "Configuration"], swiftSettings: kernel),
    .target(
      name: "Datasets", dependencies: ["Compute", "Configuration", "CTurboJPEG", "CPNG", "CZlib"],
      swiftSettings: [processor, .unsafeFlags(["-O"])]),
    .target(name: "Pictures", dependencies: ["CCairo"], swiftSettings: [processor]),
    .target(
      name: "TensorBoardEvents", dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
      exclude: ["README.md", "tensorboard_events.proto"],
      swiftSettings: [processor]),
    .target(name: "Tasks", dependencies: ["Layers", "Datasets", "Configuration"], swiftSettings: [processor]),
    .target(
      name: "Training",
      dependencies: [
        "Tasks", "Graphs", "Optimizers", "Communication", "Datasets", "Safetensors", "PyTorchArchives",
        "Configuration", "Pictures", "TensorBoardEvents", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: [processor]),

    // Reference numbers: replays what published implementations computed, on the model tower.
    .target(
      name: "Parity",
      dependencies: ["Models", "Attention", "Layers", "Graphs", "Compute", "Safetensors", "Configuration"],
      swiftSettings: [processor]),

    // The program: the one place where the two towers meet.
    .executableTarget(
      name: "trainer",
      dependencies: [
        "Training", "Models", "Attention", "Parity", "Pictures", "Safetensors", "PyTorchArchives",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: [processor]),

    // Tests: a mirror of Sources. Each names all it imports: what it gets through others alone is not built anew.
    .target(
      name: "Support", dependencies: ["Graphs", "Operators", "Compute"], path: "Tests/Support",
      swiftSettings: kernel),
    .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
    .testTarget(name: "ConfigurationTests", dependencies: ["Configuration", "Support"], swiftSettings: [processor]),
    .testTarget(name: "ComputeTests", dependencies: ["Compute", "Support"], swiftSettings: [processor]),
    .testTarget(name: "OperatorsTests", dependencies: ["Operators", "Support"], swiftSettings: [processor]),
    .testTarget(
      name: "GraphsTests", dependencies: ["Graphs", "Support", "CAllocationCounter"], swiftSettings: [processor]),
    .testTarget(name: "LayersTests", dependencies: ["Layers", "Graphs", "Compute", "Support"], swiftSettings: [processor]),
    .testTarget(
      name: "ModelsTests",
      dependencies: [
        "Models", "Attention", "Layers", "Graphs", "Operators", "Compute", "Configuration", "Support", "CAllocationCounter",
      ],
      swiftSettings: [processor]),
    .testTarget(name: "CommunicationTests", dependencies: ["Communication"], swiftSettings: [processor]),
    .testTarget(name: "SafetensorsTests", dependencies: ["Safetensors", "Support"], swiftSettings: [processor]),
    .testTarget(
      name: "PyTorchArchivesTests", dependencies: ["PyTorchArchives", "Safetensors", "Support"],
      swiftSettings: [processor]),
    .testTarget(name: "OptimizersTests", dependencies: ["Optimizers", "Compute", "Configuration"], swiftSettings: [processor]),
    .testTarget(
      name: "DatasetsTests", dependencies: ["Datasets", "Compute", "Configuration", "Support"],
      swiftSettings: [processor]),
    .testTarget(name: "PicturesTests", dependencies: ["Pictures"], swiftSettings: [processor]),
    .testTarget(name: "TasksTests", dependencies: ["Tasks", "Layers", "Graphs", "Datasets", "Compute"], swiftSettings: [processor]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "Training", "Models", "Tasks", "Layers", "Graphs", "Operators", "Optimizers", "Communication", "Datasets", "Compute",
        "Configuration", "Safetensors", "Support", "TensorBoardEvents", "Pictures",
      ],
      swiftSettings: [processor]),
    .testTarget(name: "ParityTests", dependencies: ["Parity", "Attention", "Safetensors", "Support"], swiftSettings: [processor]),
    .testTarget(
      name: "trainerTests", dependencies: ["Training", "Safetensors", "Communication", "Support"],
      swiftSettings: [processor]),
  ],
  swiftLanguageModes: [.v6]
)
