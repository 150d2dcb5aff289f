from websockets.sync.client import connect

from steps import run_steps


def call(base):
    with connect(f"{base}/socket") as socket:
        socket.send("hello")
        return 101, socket.response.headers, socket.recv()


def stream(base):
    with connect(f"{base}/stream") as socket:
        yield from socket


run_steps(call, stream)
