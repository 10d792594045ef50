#!/usr/bin/python3 -SE
# SPDX-License-Identifier: Apache-2.0
"""A client of containerd's shim protocol that knows nothing of its messages, for shim.bats.

shim.py call SOCKET METHOD [MESSAGE]    call the task service and print the answer; "error CODE TEXT" and exit 1
shim.py calls SOCKET                    the same for lines "METHOD MESSAGE" on stdin, over one connection
shim.py raw SOCKET HEX                  send these bytes; print what comes back as "stream type length", a line for each
shim.py encode MESSAGE                  print the bytes of a message;   shim.py decode: the message of stdin
shim.py events SOCKET FILE              be containerd's end for events: a line "TOPIC MESSAGE" in FILE for each

A message is JSON, its keys are the numbers of fields: strings are strings, numbers and true are varints, a list is a
repeated field, an object is a message inside. SERVICE (containerd.task.v3.Task) and TIMEOUT_NS are from the environment.
"""
import json
import os
import socket
import struct
import sys


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def encode(message):
    out = b""
    for key, value in message.items():
        for v in value if isinstance(value, list) else [value]:
            if isinstance(v, (int, bool)):
                out += varint(int(key) << 3) + varint(int(v))
                continue
            data = encode(v) if isinstance(v, dict) else v.encode() if isinstance(v, str) else v
            out += varint(int(key) << 3 | 2) + varint(len(data)) + data
    return out


def read_varint(data, i):
    n = shift = 0
    while True:
        n |= (data[i] & 0x7F) << shift
        shift += 7
        i += 1
        if not data[i - 1] & 0x80:
            return n, i


def fields(data):
    i = 0
    while i < len(data):
        key, i = read_varint(data, i)
        if key & 7 == 0:
            value, i = read_varint(data, i)
        elif key & 7 == 1:
            value, i = struct.unpack("<d", data[i : i + 8])[0], i + 8
        elif key & 7 == 2:
            n, i = read_varint(data, i)
            value, i = data[i : i + n], i + n
            if len(value) != n:
                raise ValueError("cut")
        else:
            raise ValueError("wire type")
        if key >> 3 == 0:
            raise ValueError("field 0")
        yield key >> 3, value


def text(data):
    """A string if it can be one, else a message."""
    try:
        s = data.decode()
        if all(c.isprintable() or c in "\n\t" for c in s):
            return s
    except UnicodeDecodeError:
        pass
    try:
        return decode(data)
    except (ValueError, IndexError, struct.error):
        return data.hex()


def decode(data):
    out = {}
    for key, value in fields(data):
        value = text(value) if isinstance(value, bytes) else value
        old = out.get(str(key))
        out[str(key)] = value if old is None else (old if isinstance(old, list) else [old]) + [value]
    return out


def frame(stream, kind, data, flags=0):
    return struct.pack(">IIBB", len(data), stream, kind, flags) + data


def receive(sock, n):
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def read_frame(sock):
    n, stream, kind, _ = struct.unpack(">IIBB", receive(sock, 10))
    return stream, kind, receive(sock, n)


def connect(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(path.replace("unix://", ""))
    return sock


def call(sock, method, message, stream):
    service = os.environ.get("SERVICE", "containerd.task.v3.Task")
    request = {1: service, 2: method, 3: encode(json.loads(message or "{}"))}
    if "TIMEOUT_NS" in os.environ:
        request[4] = int(os.environ["TIMEOUT_NS"])
    sock.sendall(frame(stream, 1, encode(request)))
    answer = dict(fields(read_frame(sock)[2]))
    status = dict(fields(answer.get(1, b"")))
    if status.get(1):
        print("error", status[1], status.get(2, b"").decode())
        return False
    print(json.dumps(decode(answer.get(2, b""))))
    return True


def serve_events(path, log):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path + ".new")
    server.listen()
    os.rename(path + ".new", path)  # who sees the name finds somebody who listens
    while True:
        sock = server.accept()[0]
        try:
            while True:
                stream, _, data = read_frame(sock)
                envelope = dict(fields(dict(fields(dict(fields(data))[3]))[1]))
                event = dict(fields(envelope[4]))
                with open(log, "a") as out:
                    out.write(f"{envelope[3].decode()} {json.dumps(decode(event.get(2, b'')))}\n")
                sock.sendall(frame(stream, 2, b""))
        except (EOFError, OSError):
            sock.close()


def main():
    what, args = sys.argv[1], sys.argv[2:]
    if what == "call":
        sys.exit(0 if call(connect(args[0]), args[1], args[2] if len(args) > 2 else "", 1) else 1)
    elif what == "calls":
        sock = connect(args[0])
        for i, line in enumerate(sys.stdin):
            call(sock, *(line.strip().split(" ", 1) + [""])[:2], 2 * i + 1)
    elif what == "raw":
        sock = connect(args[0])
        sock.settimeout(float(os.environ.get("RAW_SECONDS", "1")))
        try:
            sock.sendall(bytes.fromhex(args[1]) * int(os.environ.get("TIMES", "1")))
            while True:
                stream, kind, data = read_frame(sock)
                print(stream, kind, len(data), dict(fields(dict(fields(data)).get(1, b""))).get(1, 0))
        except (socket.timeout, EOFError, OSError):
            pass
    elif what == "encode":
        sys.stdout.buffer.write(encode(json.loads(args[0])))
    elif what == "decode":
        print(json.dumps(decode(sys.stdin.buffer.read())))
    elif what == "events":
        serve_events(*args)


main()
