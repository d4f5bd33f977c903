"""expect.py [--status N] [--says TEXT]... COMMAND...

Passes when COMMAND ends with status N (default 0) and its output, of either stream, has every TEXT. The output is shown
in any case."""

import argparse
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--status", type=int, default=0)
    parser.add_argument("--says", action="append", default=[])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    wanted = parser.parse_args()
    run = subprocess.run(wanted.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    output = run.stdout.decode(errors="replace")
    print(output, end="")
    mistakes = [f"not said: {text}" for text in wanted.says if text not in output]
    if run.returncode != wanted.status:
        mistakes.append(f"ended with status {run.returncode}, not {wanted.status}")
    for mistake in mistakes:
        print("expect.py:", mistake)
    sys.exit(bool(mistakes))


main()
