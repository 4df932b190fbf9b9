// swift-tools-version:5.9
import PackageDescription

// The native library is linked from the folder that `cargo build --release --package flymq-uniffi` leaves it in.
let package = Package(
    name: "FlyMQ",
    platforms: [.macOS(.v12), .iOS(.v15)],
    products: [.library(name: "FlyMQ", targets: ["FlyMQ"])],
    targets: [
        .systemLibrary(name: "FlyMQFFI", path: "Sources/FlyMQFFI/include"),
        .target(
            name: "FlyMQ",
            dependencies: ["FlyMQFFI"],
            linkerSettings: [.linkedLibrary("flymq_uniffi")]
        ),
        .testTarget(name: "FlyMQTests", dependencies: ["FlyMQ"]),
    ]
)
