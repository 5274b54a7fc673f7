//! The shapes of the comparison, made with the OpenTelemetry SDK for Rust, on the clock.

mod shapes;

fn main() {
    shapes::run(|| 0);
}
