import httpx

from steps import run_steps


def call(base):
    answer = httpx.get(f"{base}/v1/thing")
    return answer.status_code, answer.headers, answer.text


def stream(base):
    with httpx.stream("GET", f"{base}/stream", timeout=None) as answer:
        yield from answer.iter_raw()


run_steps(call, stream)
