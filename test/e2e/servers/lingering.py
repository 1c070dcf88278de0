"""Becomes `node lingering.mjs COUNT FD… PEER…`: COUNT sockets whose close would block for LINGER_SECONDS, and their
peers, which are open and never read. Node has no way to set SO_LINGER, hence this program.

    lingering.py COUNT NODE lingering.mjs
"""
import os
import resource
import socket
import struct
import sys

LINGER_SECONDS = 30
BUFFER_BYTES = 4096

count = int(sys.argv[1])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * count + 256), hard))

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
listener.bind(("127.0.0.1", 0))
listener.listen()
own, peers = [], []
for _ in range(count):
    sender = socket.socket()
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    sender.connect(listener.getsockname())
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LINGER_SECONDS))
    sender.setblocking(False)
    try:
        while True:
            sender.send(bytes(BUFFER_BYTES))
    except BlockingIOError:
        pass
    own.append(sender)
    peers.append(listener.accept()[0])
for each in own + peers:
    os.set_inheritable(each.fileno(), True)
descriptors = [str(each.fileno()) for each in own + peers]
os.execvp(sys.argv[2], [sys.argv[2], sys.argv[3], str(count), *descriptors])
