"""The steps of steps.mjs, for Python: see there."""

import json
import os

granted_url = os.environ["GRANTED_URL"]
ungranted_url = os.environ["UNGRANTED_URL"]


def run_steps(call, stream):
    """call(base) returns (status, headers, text); stream(base) yields pieces. Both may raise what the client raises."""
    tell(step="call", **outcome(call, granted_url))
    tell(step="refused", **outcome(call, ungranted_url))
    over = outcome(read_all, stream)
    tell(step="over", how="cut" if "error" in over else "ended", **over)


def read_all(stream):
    is_receiving = False
    for _ in stream(granted_url):
        if not is_receiving:
            tell(step="receiving")
        is_receiving = True
    return None, {}, ""


def outcome(act, argument):
    try:
        status, headers, saw = act(argument)
        return {"status": status, "code": headers.get("x-leasehold-error"), "saw": saw}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}", "status": getattr(error, "code", None)}


def tell(**fact):
    print(json.dumps(fact, default=str), flush=True)
