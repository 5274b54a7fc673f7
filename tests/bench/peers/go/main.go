// The shapes of the comparison, made with the OpenTelemetry SDK for Go.
//
// usage: peers SHAPE N [ENDPOINT [gzip]]     SHAPE: span_0, span_10, span_10_at_begin, send_10
//
// Prints one line of JSON; README.md of the folder above tells its fields.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

const (
	warmUp           = 2000
	batchSize        = 512 // the default; larger ones were no faster
	batchSizeOfSends = 2048
)

// counter throws spans away and says how many there were.
type counter struct{ spans atomic.Int64 }

func (c *counter) ExportSpans(_ context.Context, spans []trace.ReadOnlySpan) error {
	c.spans.Add(int64(len(spans)))
	return nil
}

func (c *counter) Shutdown(context.Context) error { return nil }

// open makes a queue that holds the run; were it full, the application would wait.
func open(exporter trace.SpanExporter, n, batchSize int) *trace.TracerProvider {
	return trace.NewTracerProvider(trace.WithBatcher(exporter, trace.WithBlocking(),
		trace.WithMaxQueueSize(n+warmUp+1), trace.WithMaxExportBatchSize(batchSize)))
}

func overHTTP(endpoint string, compression otlptracehttp.Compression) trace.SpanExporter {
	exporter, err := otlptracehttp.New(context.Background(),
		otlptracehttp.WithEndpointURL(endpoint+"/v1/traces"), otlptracehttp.WithCompression(compression))
	if err != nil {
		log.Fatal(err)
	}
	return exporter
}

func strings() []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("attribute.0", "twenty bytes of text"),
		attribute.String("attribute.1", "twenty bytes of text"),
		attribute.String("attribute.2", "twenty bytes of text"),
		attribute.String("attribute.3", "twenty bytes of text"),
		attribute.String("attribute.4", "twenty bytes of text"),
		attribute.String("attribute.5", "twenty bytes of text"),
		attribute.String("attribute.6", "twenty bytes of text"),
		attribute.String("attribute.7", "twenty bytes of text"),
		attribute.String("attribute.8", "twenty bytes of text"),
		attribute.String("attribute.9", "twenty bytes of text"),
	}
}

func record(tracer api.Tracer, parent context.Context, n int, shape string) {
	for range n {
		switch shape {
		case "span_0":
			_, span := tracer.Start(parent, "operation")
			span.End()
		case "span_10_at_begin":
			_, span := tracer.Start(parent, "operation", api.WithAttributes(strings()...))
			span.End()
		default:
			_, span := tracer.Start(parent, "operation")
			span.SetAttributes(strings()...)
			span.End()
		}
	}
}

func cpuSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		log.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}

func allocations() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}

func flush(provider *trace.TracerProvider) {
	if err := provider.ForceFlush(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func provide(counter *counter, n int, arguments []string) *trace.TracerProvider {
	switch len(arguments) {
	case 0:
		return open(counter, n, batchSize)
	case 1:
		return open(overHTTP(arguments[0], otlptracehttp.NoCompression), n, batchSizeOfSends)
	default:
		return open(overHTTP(arguments[0], otlptracehttp.GzipCompression), n, batchSizeOfSends)
	}
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: peers SHAPE N [ENDPOINT [gzip]]")
	}
	shape := os.Args[1]
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	var nowhere counter
	provider := provide(&nowhere, n, os.Args[3:])
	tracer := provider.Tracer("bench")
	parent, root := tracer.Start(context.Background(), "root")
	record(tracer, parent, warmUp, shape)
	flush(provider)

	allocated, cpu, before := allocations(), cpuSeconds(), time.Now()
	record(tracer, parent, n, shape)
	loop := time.Since(before)
	flush(provider)
	whole, cpu, allocated := time.Since(before), cpuSeconds()-cpu, allocations()-allocated
	root.End()
	if err := provider.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"operations": n, "loop_s": loop.Seconds(), "whole_s": whole.Seconds(), "cpu_s": cpu,
		"ended": n + warmUp + 1, "taken": nowhere.spans.Load(), "allocations": allocated,
	})
}
