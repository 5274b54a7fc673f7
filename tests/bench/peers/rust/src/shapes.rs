//! usage: peers SHAPE N [ENDPOINT [gzip]]     SHAPE: span_0, span_10, span_10_at_begin, send_10
//!
//! Prints one line of JSON; README.md of the folder above tells its fields.

use std::env;
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Compression, Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, SpanData, SpanExporter,
};

const WARM_UP: usize = 2000;

/// Throws spans away and says how many there were.
#[derive(Debug, Clone, Default)]
struct Counter(Arc<AtomicU64>);

impl SpanExporter for Counter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// The processor drops what its queue cannot hold and has no way to wait: the queue holds the run. Batches are of the
/// default size; larger ones were no faster.
fn open(exporter: impl SpanExporter + 'static, n: usize) -> SdkTracerProvider {
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(n + WARM_UP + 1)
        .build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    SdkTracerProvider::builder().with_span_processor(processor).build()
}

fn over_http(endpoint: &str, has_gzip: bool) -> opentelemetry_otlp::SpanExporter {
    let mut builder = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{endpoint}/v1/traces"));
    if has_gzip {
        builder = builder.with_compression(Compression::Gzip);
    }
    builder.build().expect("an exporter")
}

fn strings() -> [KeyValue; 10] {
    [
        KeyValue::new("attribute.0", "twenty bytes of text"),
        KeyValue::new("attribute.1", "twenty bytes of text"),
        KeyValue::new("attribute.2", "twenty bytes of text"),
        KeyValue::new("attribute.3", "twenty bytes of text"),
        KeyValue::new("attribute.4", "twenty bytes of text"),
        KeyValue::new("attribute.5", "twenty bytes of text"),
        KeyValue::new("attribute.6", "twenty bytes of text"),
        KeyValue::new("attribute.7", "twenty bytes of text"),
        KeyValue::new("attribute.8", "twenty bytes of text"),
        KeyValue::new("attribute.9", "twenty bytes of text"),
    ]
}

/// One by one is the fastest way to set them after the begin.
fn record(tracer: &SdkTracer, parent: &Context, n: usize, shape: &str) {
    for _ in 0..n {
        let mut span = if shape == "span_10_at_begin" {
            let builder = tracer.span_builder("operation").with_attributes(strings());
            tracer.build_with_context(builder, parent)
        } else {
            tracer.start_with_context("operation", parent)
        };
        if shape == "span_10" || shape == "send_10" {
            for string in strings() {
                span.set_attribute(string);
            }
        }
        span.end();
    }
}

fn cpu_seconds() -> f64 {
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut used) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(used.ru_utime) + seconds(used.ru_stime)
}

fn usage() -> ! {
    eprintln!("usage: peers SHAPE N [ENDPOINT [gzip]]");
    exit(2);
}

/// Runs what the arguments ask for. `allocations` tells how many there have been so far.
pub fn run(allocations: fn() -> u64) {
    let arguments: Vec<String> = env::args().collect();
    if arguments.len() < 3 {
        usage();
    }
    let n: usize = arguments[2].parse().unwrap_or_else(|_| usage());
    let shape = arguments[1].as_str();
    let nowhere = Counter::default();
    let provider = match arguments.get(3) {
        None => open(nowhere.clone(), n),
        Some(endpoint) => open(over_http(endpoint, arguments.len() > 4), n),
    };
    let tracer = provider.tracer("bench");
    let parent = Context::new().with_span(tracer.start_with_context("root", &Context::new()));
    record(&tracer, &parent, WARM_UP, shape);
    provider.force_flush().expect("a flush");

    let (allocated, cpu, before) = (allocations(), cpu_seconds(), Instant::now());
    record(&tracer, &parent, n, shape);
    let loop_s = before.elapsed().as_secs_f64();
    provider.force_flush().expect("a flush");
    let (whole_s, cpu_s) = (before.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let allocated = allocations() - allocated;
    parent.span().end();
    provider.shutdown().expect("a shutdown");
    println!(
        "{{\"operations\": {n}, \"loop_s\": {loop_s}, \"whole_s\": {whole_s}, \"cpu_s\": {cpu_s}, \
         \"ended\": {}, \"taken\": {}, \"allocations\": {allocated}}}",
        n + WARM_UP + 1,
        nowhere.0.load(Ordering::Relaxed)
    );
}
