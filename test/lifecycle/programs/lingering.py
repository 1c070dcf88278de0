"""Becomes `node lingering.mjs FD`, where FD is a socket whose close would block for LINGER_SECONDS.

Its peer is open and never reads, and Node has no way to set SO_LINGER, hence this program.
"""
import os
import socket
import struct
import sys

LINGER_SECONDS = 30

listener = socket.create_server(("127.0.0.1", 0))
own = socket.create_connection(listener.getsockname())
peer, _ = listener.accept()
own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LINGER_SECONDS))
own.setblocking(False)
try:
    while True:
        own.send(bytes(65536))
except BlockingIOError:
    pass
for each in (own, peer):
    os.set_inheritable(each.fileno(), True)
os.execvp(sys.argv[1], [sys.argv[1], sys.argv[2], str(own.fileno())])
