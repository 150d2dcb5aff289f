from urllib.error import HTTPError
from urllib.request import urlopen

from steps import run_steps


def call(base):
    try:
        with urlopen(f"{base}/v1/thing") as answer:
            return answer.status, answer.headers, answer.read().decode()
    except HTTPError as error:
        return error.code, error.headers, error.read().decode()


def stream(base):
    with urlopen(f"{base}/stream") as answer:
        while piece := answer.read(8):
            yield piece


run_steps(call, stream)
