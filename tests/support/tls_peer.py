"""An HTTPS server for the tests in C (tls_peer.h): tls_peer.py FOLDER [mutual | tls1.2 | h2 | http/1.1 | stall | plain | numbered]

Makes an authority (ca.crt), another one that signed nothing (other.crt), and certificates for the server and a client
in FOLDER; prints "PORT" and, for each request, a line "CLIENT VERSION PATH"; numbered: the
connection's number from 1 in front of it, and a line "NUMBER end" when the client ends it. Ends when its standard input does.
"""

import itertools
import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_certificates(folder):
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name in ("ca", "other"):
        openssl(folder, "req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", "2", "-subj", f"/CN={name}")
    for name, usage in (("server", "serverAuth"), ("client", "clientAuth")):
        Path(folder, f"{name}.ext").write_text(f"subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage={usage}\n")
        openssl(folder, "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt")


def make_context(folder, words):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(folder, "server.crt"), Path(folder, "server.key"))
    if "mutual" in words:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(Path(folder, "ca.crt"))
    alpn = [word for word in words if word in ("h2", "http/1.1")]
    if alpn:
        context.set_alpn_protocols(alpn)
    if "tls1.2" in words:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def read_request(stream):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return None
        head += line
    lines = head.decode().split("\r\n")
    length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
    stream.read(length)
    return lines[0].split()[1]


def serve_plainly(raw):
    with raw:
        raw.recv(1000)
        raw.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def serve(raw, context, number):
    prefix = [number] if number else []
    try:
        with context.wrap_socket(raw, server_side=True) as connection:
            names = dict(pair for part in (connection.getpeercert() or {}).get("subject", ()) for pair in part)
            stream = connection.makefile("rb")
            while (path := read_request(stream)) is not None:
                print(*prefix, names.get("commonName", "-"), connection.version(), path, flush=True)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            if number:
                print(number, "end", flush=True)
    except OSError:
        raw.close()


def main(folder, *words):
    make_certificates(folder)
    context, kept = make_context(folder, words), []
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    for number in itertools.count(1):
        raw, _ = listener.accept()
        if "stall" in words:
            kept.append(raw)  # the handshake never begins
        elif "plain" in words:
            serve_plainly(raw)
        else:
            threading.Thread(target=serve, args=(raw, context, number if "numbered" in words else 0), daemon=True).start()


main(*sys.argv[1:])
