"""How a program talks with its test: settings come as JSON in the environment,
words go out on stdout, answers come in on stdin."""

import json
import os
import sys

settings = json.loads(os.environ["SETTINGS"])


def say(word, argument):
    print(word, argument, flush=True)


def open_in_browser(address):
    """Has the person open an address, and gives where that ended."""
    say("open", address)
    return sys.stdin.readline().strip()


def done(result):
    say("done", json.dumps(result))
