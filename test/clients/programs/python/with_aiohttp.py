import asyncio

import aiohttp

from steps import run_steps

# Its default is to look at no variable at all.
trusting = {"trust_env": True}


def call(base):
    async def get():
        async with aiohttp.ClientSession(**trusting) as session, session.get(f"{base}/v1/thing") as answer:
            return answer.status, answer.headers, await answer.text()

    return asyncio.run(get())


def stream(base):
    with asyncio.Runner() as runner:
        session = runner.run(opened())
        answer = runner.run(session.get(f"{base}/stream").__aenter__())
        while piece := runner.run(answer.content.readany()):
            yield piece


async def opened():
    return aiohttp.ClientSession(**trusting)


run_steps(call, stream)
