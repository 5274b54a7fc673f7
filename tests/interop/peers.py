"""The real peers: where they are, and starting them on free ports.

tests/interop/run.sh builds them and says where in the environment; a variable that is missing holds the
reason instead (WEIR_TEST_MISSING_<PEER>), and the tests that need it are `not run`.
"""

import json
import os
import subprocess
import threading
import unittest
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from process import Process, free_port, get


def peer(name):
    path = os.environ.get(f"WEIR_TEST_{name}")
    if not path:
        raise unittest.SkipTest(os.environ.get(f"WEIR_TEST_MISSING_{name}", f"{name.lower()} is missing"))
    return Path(path)


class Certificates:
    """An authority, and what it signed for a server on 127.0.0.1 and for a client, as PEM files in a folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self.openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=test CA")
        for name, usage in (("server", "serverAuth"), ("client", "clientAuth")):
            (self.folder / f"{name}.ext").write_text(
                f"subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage={usage}\n")
            self.openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
            self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                         "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def path(self, name):
        return str(self.folder / name)


class Collector:
    """The OpenTelemetry Collector with OTLP in and a file of JSON Lines out; with certificates, also over TLS
    (tls_port, tls_grpc_port) and with clients that must have one (mtls_port, mtls_grpc_port)."""

    def __init__(self, folder, certificates=None):
        self.file = Path(folder) / "traces.jsonl"
        self.port, self.grpc_port = free_port(), free_port()
        self.tls_port, self.tls_grpc_port, self.mtls_port, self.mtls_grpc_port = (free_port() for _ in range(4))
        receivers = {"otlp": self.receiver(self.port, self.grpc_port, None)}
        if certificates:
            tls = {"cert_file": certificates.path("server.crt"), "key_file": certificates.path("server.key")}
            mutual = {**tls, "client_ca_file": certificates.path("ca.crt")}
            receivers["otlp/tls"] = self.receiver(self.tls_port, self.tls_grpc_port, tls)
            receivers["otlp/mtls"] = self.receiver(self.mtls_port, self.mtls_grpc_port, mutual)
        config = Path(folder) / "collector.yaml"
        config.write_text(json.dumps({  # JSON is YAML
            "receivers": receivers,
            "exporters": {"file": {"path": str(self.file), "flush_interval": "100ms"}},
            "service": {"telemetry": {"metrics": {"level": "none"}},
                        "pipelines": {"traces": {"receivers": list(receivers), "exporters": ["file"]}}},
        }))
        self.process = Process([peer("COLLECTOR"), "--config", config])
        self.process.wait_until(lambda: get(self.endpoint)[0] != 0, "an open port")

    @staticmethod
    def receiver(port, grpc_port, tls):
        more = {"tls": tls} if tls else {}
        return {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}", **more},
                              "grpc": {"endpoint": f"127.0.0.1:{grpc_port}", **more}}}

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()

    def stop_and_read(self):
        """Ends it, which flushes the file, and returns the file's text."""
        status = self.process.stop()
        if status != 0:
            raise RuntimeError(f"the Collector ended with {status}:\n{self.process.output()}")
        return self.file.read_text() if self.file.exists() else ""


class Jaeger:
    """Jaeger with OTLP in, memory as storage, and its query API."""

    def __init__(self, folder):
        ports = [free_port() for _ in range(4)]
        self.port, self.query_port = ports[0], ports[2]
        config = Path(folder) / "jaeger.yaml"
        config.write_text(json.dumps({
            "service": {"extensions": ["jaeger_storage", "jaeger_query"],
                        "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
                        "telemetry": {"metrics": {"level": "none"}}},
            "extensions": {"jaeger_storage": {"backends": {"mem": {"memory": {"max_traces": 100000}}}},
                           "jaeger_query": {"storage": {"traces": "mem"},
                                            "http": {"endpoint": f"127.0.0.1:{ports[2]}"},
                                            "grpc": {"endpoint": f"127.0.0.1:{ports[3]}"}}},
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{ports[0]}"},
                                                 "grpc": {"endpoint": f"127.0.0.1:{ports[1]}"}}}},
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "mem"}},
        }))
        self.process = Process([peer("JAEGER"), "--config", config])
        self.process.wait_until(lambda: get(self.endpoint)[0] != 0, "an open OTLP port")
        self.process.wait_until(lambda: get(f"http://127.0.0.1:{self.query_port}/api/services")[0] == 200, "a query API")

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()

    def query(self, path):
        """(status, parsed body) of a GET on the query API."""
        status, body = get(f"http://127.0.0.1:{self.query_port}{path}")
        return status, json.loads(body or b"null")


class BurrServer:
    """Burr's tracking server over a storage directory."""

    def __init__(self, root, home):
        environment = {**os.environ, "burr_path": str(root), "HOME": str(home)}
        self.process = Process([peer("BURR_PYTHON"), "-m", "uvicorn", "burr.tracking.server.run:app",
                                "--host", "127.0.0.1", "--port", "0"], env=environment)
        text = "Uvicorn running on "
        self.process.wait_until(lambda: text in self.process.output(), "an open port")
        self.url = self.process.output().split(text)[1].split()[0]
        self.process.wait_until(lambda: get(self.url + "/ready")[0] == 200, "an answer")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()

    def get(self, path):
        """The parsed body; any answer but 200 is a failure, with what the server said of it."""
        status, body = get(self.url + path)
        if status != 200:
            raise AssertionError(f"GET {path}: {status} {body[:300]}\n{self.process.output()[-3000:]}")
        return json.loads(body)


class GrpcioReceiver:
    """A gRPC server by grpcio, which keeps what it was sent; with a status it refuses everything so."""

    def __init__(self, folder, *status):
        self.folder = Path(folder) / "grpcio"
        self.folder.mkdir()
        script = Path(__file__).parent / "grpcio_receiver.py"
        self.process = Process([peer("BURR_PYTHON"), "-B", script, self.folder, *status])
        self.process.wait_until(lambda: "port " in self.process.output(), "an open port")
        self.endpoint = "http://127.0.0.1:" + self.process.output().split("port ")[1].split()[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()

    def bodies(self):
        return [path.read_bytes() for path in sorted(self.folder.glob("*.pb"))]

    def metadata(self):
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))]


class Recorder:
    """Stands before an OTLP/HTTP endpoint, passes requests on, and keeps their bodies as they were sent."""

    def __init__(self, port):
        self.bodies = bodies = []
        self.statuses = statuses = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                upstream = HTTPConnection("127.0.0.1", port, timeout=20)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
                upstream.request("POST", self.path, body, headers)
                answer = upstream.getresponse()
                text = answer.read()
                bodies.append((dict(self.headers.items()), body))
                statuses.append(answer.status)
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers.get("Content-Type", "application/octet-stream"))
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
                upstream.close()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
