"""A program that speaks the protocol, but for one fault, its first argument; run by test_process.py."""

import fcntl
import json
import os
import signal
import sys
import time

FAULT, DETAIL = (*sys.argv[1:], "", "")[:2]


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if FAULT == "dies at once":
    sys.exit("Traceback\nModuleNotFoundError: No module named 'gradients'\n\n")
if FAULT == "banner":
    say("Loading the model")
if FAULT == "holds a lock":  # together with a child: it is free again when both are gone
    lock = os.open(DETAIL, os.O_WRONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    import subprocess

    subprocess.Popen(["sleep", "1000"], pass_fds=[lock])

for count, line in enumerate(sys.stdin):
    request = json.loads(line)
    if FAULT == "says":
        say(DETAIL % request)
        continue
    if FAULT == "exits":
        sys.stderr.write("about to leave\n")
        sys.stderr.flush()
        os._exit(int(DETAIL))
    if FAULT == "crashes":
        os.kill(os.getpid(), signal.SIGKILL)
    if FAULT == "closes its output":
        os.close(1)
        time.sleep(1000)
    if FAULT == "sleeps" or (FAULT == "sleeps second" and count == 1):
        time.sleep(1000)
    if FAULT == "floods":
        sys.stderr.write("x" * 99 + "\n" * 500_000)
    if FAULT == "writes for ever":
        while True:
            sys.stdout.write("[" * 65536)
    reply = {"version": 1, "id": request["id"] - (FAULT == "wrong id"), "value": request["rewards"]}
    say(json.dumps(reply))
    if FAULT == "two answers":
        say(json.dumps(reply))
    if FAULT == "one shot":
        break
