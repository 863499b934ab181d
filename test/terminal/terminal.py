"""The built program on a terminal of its own: the question before long runs, bars, narrow screens, Ctrl-C.

    python3 test/terminal/terminal.py             # all of it, about seven minutes on a quiet machine
    python3 test/terminal/terminal.py question narrow quiet
    python3 test/terminal/terminal.py stop gaussian/phase D.convergence

Prints a line a check; ends with 1 if one failed. Needs a Unix.
"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

PROGRAM = os.path.join(os.path.dirname(__file__), "../../packages/cli/bin/mesoscope.js")
DIRECTORY = tempfile.mkdtemp(prefix="terminal-")
# Seconds that an interrupted run has to end.
LIMIT = 2.0
LONG = ["first-look", "--set", 'stages=[{"layers":2,"steps":1000000}]']


class Run:
    """A command in the foreground of a new terminal."""

    def __init__(self, words, columns=80, environment=None):
        self.text = ""
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.chdir(DIRECTORY)
            os.environ.update(environment or {})
            os.execvp("node", ["node", PROGRAM, *words])
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def read(self, seconds, until=None):
        """Whether a pattern was shown within so many seconds, or the program has ended."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if until is not None and re.search(until, self.text):
                return True
            ready, _, _ = select.select([self.terminal], [], [], left)
            if not ready:
                continue
            try:
                self.text += os.read(self.terminal, 65536).decode(errors="replace")
            except OSError:
                return until is None
        return False

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def end(self, seconds):
        """Exit status and seconds until then; killed if it takes longer."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            self.read(0.02)
            pid, status = os.waitpid(self.process, os.WNOHANG)
            if pid != 0:
                took = time.monotonic() - begin
                os.close(self.terminal)
                return os.waitstatus_to_exitcode(status), took
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.terminal)
        return None, seconds


failed = []


def check(name, passed, seen=""):
    print(f"{'ok  ' if passed else 'FAIL'} {name}{f': {seen}' if seen else ''}", flush=True)
    if not passed:
        failed.append(name)


def question():
    for answer, status in [("n", 130), ("y", None)]:
        run = Run(["study", *LONG, "--out", f"asked-{answer}"])
        asked = run.read(120, r"Go on\? \[y/N\] ")
        line = re.search(r"This will take about .*", run.text)
        run.read(1)
        question, _, after = run.text.rpartition("[y/N] ")
        check("a long run asks", asked, line and line[0].split("\x1b")[0].strip())
        check("and the question stays on the screen", "\x1b" not in after and after.strip() == "", repr(after))
        run.type(f"{answer}\r")
        if status is None:
            more = run.text
            run.read(8)
            check("a yes goes on, and the bar comes back", "%" in run.text[len(more) :])
            run.type("\x03")
            code, _ = run.end(20)
            check("and is interrupted as any other", code == 130, f"exit {code}")
        else:
            code, took = run.end(20)
            check("a no keeps what is done", code == status and "--resume" in run.text, f"exit {code} after {took:.1f} s")
    run = Run(["study", *LONG, "--out", "asked-ctrl-c"])
    run.read(120, r"Go on\? \[y/N\] ")
    run.type("\x03")
    code, took = run.end(20)
    check("Ctrl-C at the question", code == 130 and took < LIMIT + 1, f"exit {code} after {took:.1f} s")
    run = Run(["study", *LONG, "--out", "unasked", "--yes"])
    run.read(30)
    check("--yes is not asked", "Go on?" not in run.text and "%" in run.text)
    run.type("\x03")
    run.end(20)


def screens(columns):
    """What was drawn, line by line, without the sequences that move the cursor."""
    return lambda text: re.sub(r"\x1b\[[0-9;?]*[A-Za-ln-z]", "\n", text).replace("\r", "\n").split("\n")


def narrow():
    for columns in [40, 80, 120]:
        run = Run(["study", *LONG, "--out", f"columns-{columns}", "--yes"], columns)
        run.read(12)
        run.type("\x03")
        run.end(20)
        shown = [line for line in screens(columns)(run.text) if "%" in line]
        longest = max(map(len, shown), default=0)
        check(f"{columns} columns", 0 < longest <= columns, f"{len(shown)} updates, the longest of {longest}")
        colours = re.findall(r"\x1b\[[0-9;]*m", run.text)
        check("no colours", not colours, f"{len(colours)} of them" if colours else "")
    run = Run(["list"], 40, {"NO_COLOR": "1"})
    run.end(20)
    longest = max(len(line.rstrip()) for line in run.text.split("\n"))
    check("list at 40 columns", longest <= 40, f"longest line {longest}")


def quiet():
    run = Run(["study", *LONG, "--out", "quiet", "--quiet", "--yes"])
    run.read(14)
    run.type("\x03")
    code, _ = run.end(20)
    check("--quiet shows no progress", "%" not in run.text and code == 130, json.dumps(run.text[:200]))


def stop(subjects):
    """Ctrl-C two seconds into the work of everything that is asked for, at full size."""
    for name in subjects:
        is_claim = re.match(r"^[A-Z]\.", name)
        words = ["verify", name, "--full"] if is_claim else ["study", name]
        out = "stop-" + name.replace("/", "-")
        run = Run([*words, "--yes", "--out", out])
        run.read(60, r"\d %")
        run.read(4)
        run.type("\x03")
        code, took = run.end(30)
        check(f"Ctrl-C in {name}", code in (0, 130) and took < LIMIT, f"exit {code} after {took:.2f} s")


def names():
    listed = json.loads(subprocess.check_output(["node", PROGRAM, "list", "--json"]))
    return [one["name"] for one in listed["studies"]] + [one["id"] for one in listed["claims"]]


asked = sys.argv[1:]
known = {"question": question, "narrow": narrow, "quiet": quiet}
if asked[:1] == ["stop"]:
    stop(asked[1:] or names())
else:
    for one in asked or known:
        known[one]()
    if not asked:
        stop(names())
sys.exit(1 if failed else 0)
