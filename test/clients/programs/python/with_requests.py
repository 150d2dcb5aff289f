import requests

from steps import run_steps


def call(base):
    answer = requests.get(f"{base}/v1/thing")
    return answer.status_code, answer.headers, answer.text


def stream(base):
    with requests.get(f"{base}/stream", stream=True) as answer:
        yield from answer.iter_content(8)


run_steps(call, stream)
