"""`weir demo` to real servers by every transport: what they hold is what the same run writes into a file."""

import tempfile
import unittest
from pathlib import Path

import peers
import runs
import spans

MODE = ("--mode", "single_and_chunk_spans")


def run(endpoint, **variables):
    """One run of the demo, set up by the environment alone; its spans all arrive, or it fails."""
    names = {"OTEL_EXPORTER_OTLP_" + name.upper(): value for name, value in variables.items()}
    runs.weir("demo", *MODE, env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **names})


def failing(environment):
    """What a run says that loses its spans."""
    done = runs.weir("demo", *MODE, check=False, env=environment)
    if done.returncode == 0:
        raise AssertionError("the demo's spans arrived")
    return done.stderr.decode()


def written(folder):
    output = Path(folder, "output.jsonl")
    runs.weir("demo", *MODE, "--output", output)
    return spans.shape(spans.from_lines(output.read_text()))


class CollectorTest(unittest.TestCase):
    """Everything a Collector takes, one run each: its file holds them all."""

    maxDiff = 4000

    def check(self, *rows):
        with tempfile.TemporaryDirectory() as folder:
            certificates = peers.Certificates(folder)
            with peers.Collector(folder, certificates) as collector:
                for make_endpoint, variables in rows:
                    files = {name: certificates.path(value) for name, value in variables.items()
                             if name in ("certificate", "client_certificate", "client_key")}
                    run(make_endpoint(collector), **{**variables, **files})
                held = spans.from_lines(collector.stop_and_read())
            one = written(folder)
        self.assertGreater(len(one), 4)
        self.assertEqual(len(held), len(rows) * len(one))
        for i in range(len(rows)):
            self.assertEqual(spans.shape(held[i * len(one):(i + 1) * len(one)]), one, rows[i][1])

    def test_http(self):
        """OTLP/HTTP into a real Collector: protobuf and JSON, plain, gzip and zstd"""
        def plain(collector):
            return collector.endpoint
        self.check((plain, {"protocol": "http/protobuf"}),
                   (plain, {"protocol": "http/protobuf", "compression": "gzip"}),
                   (plain, {"protocol": "http/protobuf", "compression": "zstd"}),
                   (plain, {"protocol": "http/json"}),
                   (plain, {"protocol": "http/json", "compression": "gzip"}))

    def test_https(self):
        """OTLP/HTTP over TLS, and with a client certificate, into a real Collector (HTTP/2 by ALPN)"""
        own = {"certificate": "ca.crt", "client_certificate": "client.crt", "client_key": "client.key"}
        self.check((lambda collector: f"https://127.0.0.1:{collector.tls_port}", {"certificate": "ca.crt"}),
                   (lambda collector: f"https://localhost:{collector.tls_port}",
                    {"certificate": "ca.crt", "compression": "gzip"}),
                   (lambda collector: f"https://127.0.0.1:{collector.mtls_port}", own),
                   (lambda collector: f"https://127.0.0.1:{collector.mtls_port}", {**own, "protocol": "http/json"}))

    def test_grpc(self):
        """OTLP/gRPC into a real Collector: plain, gzip, TLS, client certificates, forms of the endpoint"""
        own = {"certificate": "ca.crt", "client_certificate": "client.crt", "client_key": "client.key"}
        self.check((lambda collector: f"http://127.0.0.1:{collector.grpc_port}", {"protocol": "grpc"}),
                   (lambda collector: f"http://127.0.0.1:{collector.grpc_port}",
                    {"protocol": "grpc", "compression": "gzip"}),
                   (lambda collector: f"127.0.0.1:{collector.grpc_port}", {"protocol": "grpc", "insecure": "true"}),
                   (lambda collector: f"https://127.0.0.1:{collector.tls_grpc_port}",
                    {"protocol": "grpc", "certificate": "ca.crt"}),
                   (lambda collector: f"localhost:{collector.tls_grpc_port}",
                    {"protocol": "grpc", "certificate": "ca.crt", "compression": "gzip"}),
                   (lambda collector: f"https://127.0.0.1:{collector.mtls_grpc_port}", {"protocol": "grpc", **own}))


class RefusalTest(unittest.TestCase):
    """What a wrong setting is told: one line that names the remedy."""

    def check(self, make_endpoint, variables, *parts):
        with tempfile.TemporaryDirectory() as folder:
            certificates = peers.Certificates(folder)
            with peers.Collector(folder, certificates) as collector:
                files = {name: certificates.path(value) for name, value in variables.items()
                         if name in ("certificate", "client_certificate", "client_key")}
                names = {"OTEL_EXPORTER_OTLP_" + name.upper(): value for name, value in {**variables, **files}.items()}
                environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": make_endpoint(collector), **names}
                text = failing(environment)
        for part in parts:
            self.assertIn(part, text)

    def test_unknown_authority(self):
        """A Collector whose authority is unknown: the message names ca_file"""
        self.check(lambda collector: f"https://127.0.0.1:{collector.tls_port}", {},
                   "has a certificate that is not trusted here: name its authority by ca_file")

    def test_no_client_certificate(self):
        """A Collector that wants a client certificate: the message names client_certificate_file"""
        for protocol in ("http/protobuf", "grpc"):
            port = "mtls_grpc_port" if protocol == "grpc" else "mtls_port"
            self.check(lambda collector: f"https://127.0.0.1:{getattr(collector, port)}",
                       {"certificate": "ca.crt", "protocol": protocol}, "client_certificate_file")

    def test_no_tls_there(self):
        """TLS to a port without it: the message says so, and what to write"""
        self.check(lambda collector: f"https://127.0.0.1:{collector.port}", {}, "speaks no TLS: write http://")
        self.check(lambda collector: f"127.0.0.1:{collector.grpc_port}", {"protocol": "grpc"},
                   "OTEL_EXPORTER_OTLP_INSECURE=true")

    def test_wrong_port(self):
        """gRPC to the port of OTLP/HTTP and the other way round: the message names both ports"""
        self.check(lambda collector: f"http://127.0.0.1:{collector.port}", {"protocol": "grpc"}, "(4317)", "(4318)")
        self.check(lambda collector: f"http://127.0.0.1:{collector.grpc_port}", {}, "(4317)", "(4318)")


class GrpcioTest(unittest.TestCase):
    """OTLP/gRPC to grpcio, whose generated classes read it."""

    def check(self, **variables):
        with tempfile.TemporaryDirectory() as folder, peers.GrpcioReceiver(folder) as receiver:
            run(receiver.endpoint, protocol="grpc", headers="team=a%20b,key-bin=%01%02", **variables)
            bodies, metadata = receiver.bodies(), receiver.metadata()
            one = written(folder)
        self.assertEqual(spans.shape([span for body in bodies for span in spans.from_protobuf(body)]), one)
        for entry in metadata:
            self.assertEqual(entry["team"], "a b")
            self.assertEqual(entry["key-bin"], "0102")
            self.assertRegex(entry["user-agent"], r"^OTel-OTLP-Exporter-C/\d")

    def test_plain(self):
        """OTLP/gRPC to grpcio: spans and metadata arrive"""
        self.check()

    def test_gzip(self):
        """OTLP/gRPC with gzip to grpcio: spans and metadata arrive"""
        self.check(compression="gzip")

    def test_status(self):
        """A grpcio server that refuses: its status and message are told"""
        with tempfile.TemporaryDirectory() as folder, peers.GrpcioReceiver(folder, "PERMISSION_DENIED", "not you") as receiver:
            text = failing({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
        self.assertIn("answered PERMISSION_DENIED: check the credentials", text)
        self.assertIn("not you", text)
