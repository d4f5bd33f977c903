#!/usr/bin/env python3
"""run.py SOURCE COMPILER [ARGUMENTS...]: checks that a misuse does not compile, and that the message says why.

The first line of SOURCE is `// expect: REGEX`. Compiled as it is, SOURCE must be refused with a text in the output that
matches (white space and line breaks count as one blank). With PARAGON_COMPILE_FAIL_CONTROL defined, which corrects the
misuse and nothing else, it must compile: otherwise something else may be what is refused.
"""
import os
import re
import subprocess
import sys

PREFIX = "// expect: "


def compile_source(command, source):
    environment = dict(os.environ, LC_ALL="C")
    result = subprocess.run([*command, source], capture_output=True, text=True, env=environment)
    return result.returncode == 0, result.stdout + result.stderr


def main():
    source, *command = sys.argv[1:]
    with open(source) as file:
        first_line = file.readline().rstrip("\n")
    if not first_line.startswith(PREFIX):
        sys.exit(f"{source}: the first line must be '{PREFIX}REGEX'")
    expected = first_line.removeprefix(PREFIX)

    accepted, output = compile_source(command, source)
    if accepted:
        sys.exit(f"{source}: compiles, although it must be refused with: {expected}")
    if not re.search(expected, " ".join(output.split())):
        sys.exit(f"{source}: is refused, but no message matches: {expected}\n{output}")

    accepted, output = compile_source([*command, "-DPARAGON_COMPILE_FAIL_CONTROL"], source)
    if not accepted:
        sys.exit(f"{source}: the corrected program must compile:\n{output}")


main()
