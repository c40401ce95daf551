"""What attacks on the real server share: raw connections, a listener nobody may call, and a watch on memory."""

import json
import socket
import threading
import time

import psutil

SECRET = "zq7-nobody-may-read-this"
FORM = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'


class Listener:
    """A port of this machine that counts who comes."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.calls = self._socket.getsockname()[1], 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self):
        while True:
            self._socket.accept()[0].close()
            self.calls += 1


class Memory:
    """Resident bytes of a process and its children, looked at ten times a second."""

    def __init__(self, pid):
        self._process, self.most = psutil.Process(pid), 0
        self.idle = self.now()
        threading.Thread(target=self._watch, daemon=True).start()

    def now(self):
        total = 0
        for each in (self._process, *self._process.children(recursive=True)):
            try:
                total += each.memory_info().rss
            except psutil.Error:  # a worker that has just been replaced
                pass
        return total

    def _watch(self):
        try:
            while True:
                self.most = max(self.most, self.now())
                time.sleep(0.1)
        except psutil.Error:
            pass  # it has ended


class Slow:
    """Connections that send a part and then nothing; how long the server stood each, and what it said."""

    def __init__(self, port, parts):
        self.ends = {}
        self._threads = [
            threading.Thread(target=self._hang, args=(port, *part), daemon=True) for part in parts.items()
        ]
        for thread in self._threads:
            thread.start()

    def _hang(self, port, name, sent):
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=40) as client:
            client.sendall(sent)
            said = read_all(client)
        self.ends[name] = said[:12], time.monotonic() - began

    def wait(self):
        for thread in self._threads:
            thread.join(40)
        return self.ends


def read_all(client):
    """Until the other side closes, or says nothing more for as long as the socket waits."""
    said = b""
    try:
        while data := client.recv(2**16):
            said += data
    except OSError:
        pass
    return said


def sent_raw(port, data, wait=0.25):
    """Everything that comes back within `wait` seconds of silence."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        try:
            client.sendall(data)
        except OSError:
            pass  # refused before all was sent
        client.settimeout(wait)
        return read_all(client)


def audit_lines(folder):
    return [
        json.loads(line) for path in sorted(folder.glob("audit-*.jsonl")) for line in path.read_text().splitlines()
    ]
