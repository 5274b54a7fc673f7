"""A local server that plays recorded answers of an OpenAI-compatible endpoint, with awkward borders between chunks.

The first part of the path says how: http://127.0.0.1:PORT/<scene>/v1/chat/completions.
"""
import http.server
import json
import sys
import threading

TOKENS = ['A ', 'weir ', 'ist ', 'ein ', 'Wehr', '. ', '\u00e4\u00f6\u00fc ', '\U0001f30a']


def chunk(delta, finish_reason=None, **more):
    return json.dumps({'id': 'chatcmpl-1', 'object': 'chat.completion.chunk', 'model': 'small-2024',
                       'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish_reason}], **more}, ensure_ascii=False)


def events():
    """A whole answer: role first, one token an event, the reason, the usage, the end."""
    yield chunk({'role': 'assistant', 'content': ''})
    for token in TOKENS:
        yield chunk({'content': token})
    yield chunk({}, 'stop')
    yield json.dumps({'model': 'small-2024', 'choices': [], 'usage': {'prompt_tokens': 5, 'completion_tokens': len(TOKENS)}})
    yield '[DONE]'


def plain(n_events=None):
    return ''.join(f'data: {event}\n\n' for event in list(events())[:n_events]).encode()


N_BEFORE_THE_END = 4  # tokens that come before an answer breaks off


def awkward():
    """Every freedom that server-sent events leave: comments, names, ids, CRLF and CR, no blank, several lines."""
    lines = [': a comment first\r\n\r\n']
    for n, event in enumerate(events()):
        if n % 4 == 0:
            lines.append(f'event: message\r\nid: {n}\r\ndata:{event}\r\n\r\n')
        elif n % 4 == 1:
            lines.append(f': ping\ndata: {event}\n\n')
        elif n % 4 == 2 and event != '[DONE]':
            lines.append(f'data: {event[:1]}\rdata: {event[1:]}\r\r')
        else:
            lines.append(f'retry: 10\ndata: {event}\n\n')
    return ''.join(lines).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def send_stream(self, body, piece, is_whole=True):
        self.send_response(200)
        self.send_header('Content-Type', 'text/event-stream')
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        for at in range(0, len(body), piece):
            part = body[at:at + piece]
            self.wfile.write(b'%x\r\n%s\r\n' % (len(part), part))
            self.wfile.flush()
        if is_whole:
            self.wfile.write(b'0\r\n\r\n')
        else:
            self.close_connection = True

    def send_page(self, status, body):
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        self.server.requests.append((request, dict(self.headers)))
        half = plain(1 + N_BEFORE_THE_END)
        scene = self.path.split('/')[1]
        if scene == 'plain':
            self.send_stream(plain(), 1 << 20)
        elif scene.startswith('awkward'):
            self.send_stream(awkward(), int(scene.removeprefix('awkward')))
        elif scene == 'cut':
            self.send_stream(half + b'data: {"cho', 7, is_whole=False)
        elif scene == 'short':  # the body ends as HTTP wants it, but not the answer
            self.send_stream(half, 7)
        elif scene == 'mid_error':
            self.send_stream(half + b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n', 9)
        elif scene == 'nonsense':
            self.send_stream(b'data: {"choices": [\n\n', 5)
        elif scene == 'strange':  # JSON, but not what was expected
            odd = ['[]', '{}', '{"error":null}', '{"choices":7}', '{"choices":[{"delta":[]}]}', '{"choices":[{"delta":{"content":null}}]}',
                   '{"model":1,"usage":{"prompt_tokens":"x"},"choices":[{"delta":{"content":7},"finish_reason":[]}]}']
            self.send_stream(''.join(f'data: {event}\n\n' for event in odd).encode() + plain(), 3)
        elif scene == 'endless_line':
            self.send_stream(b'data: ' + b'x' * (2 << 20), 1 << 16)
        elif scene == 'limit':
            self.send_page(429, b'{"error":{"message":"slow down","type":"rate_limit_exceeded"}}')
        elif scene == 'page':
            self.send_page(502, b'<html>' + b'bad gateway ' * 1000)
        else:
            self.send_page(404, b'')


class HTTPServer(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # a client that goes away is part of the tests


class Server:
    """As a context manager; `requests` has what was asked: (JSON, headers)."""

    def __enter__(self):
        self.http = HTTPServer(('127.0.0.1', 0), Handler)
        self.http.requests = self.requests = []
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def url(self, scene):
        return f'http://127.0.0.1:{self.http.server_address[1]}/{scene}/v1'
