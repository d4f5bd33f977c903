#!/usr/bin/env python3
"""run.py [--only NAME]... [--scratch FOLDER] BUILD_OPTIONS...: shows that the AMD tests notice wrong changes.

Copies the working tree to a temporary folder, makes each change of mutations.py there, one at a time, builds the test
program that is meant to notice with platform amd and runs it on the simulator, with all of its checks on. The programs
must pass before anything is changed, and fail after. BUILD_OPTIONS are those that `meson setup` needs besides
-Dplatform=amd -Dsimulator=true to find a compiler, most often: --native-file meson/amd.ini

  --only NAME       this mutation alone; may be repeated
  --scratch FOLDER  keep copy, build and translations there for the next time

Prints a table in Markdown. Exit status: 0 if every mutation was caught, 1 if one was not, 2 if that cannot be said.
Tests draw their inputs from PARAGON_SEED, 1 unless the environment says otherwise.
"""
import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from mutations import MUTATIONS

ROOT = pathlib.Path(__file__).resolve().parents[2]
MESON = shutil.which("meson", path=f"{ROOT}/.venv/bin{os.pathsep}{os.environ['PATH']}")
LIMIT = 900  # seconds a test program may take


class Unclear(Exception):
    """A reason for which nothing can be said about the tests."""


@dataclasses.dataclass
class Outcome:
    failure: str  # the first failing check or the simulator's message; empty: the program passed
    case: str  # the test case it belongs to
    output: str
    seconds: float


def call(command, **keywords):
    return subprocess.run([str(part) for part in command], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", **keywords)


def first_failure(output):
    """What a failing program said first: the simulator's message without places, or the check that failed."""
    for line in output.splitlines():
        if line.startswith("hip-sim: "):
            said = re.sub(r"^.* failed: (?:\S+: )?", "", line.removeprefix("hip-sim: "))
            return "simulator: " + re.split(r" at 0x|, lane ", said)[0]
    found = re.search(r"ERROR: (?:test case )?(.*)", output)
    return re.sub(r" is NOT correct!$", "", found[1].strip()) if found else ""


def failing_case(output):
    found = re.search(r"^TEST CASE: +([^<\n]*)", output, flags=re.MULTILINE)
    return found[1].strip() if found else ""


class Tree:
    """A copy of the working tree and its build for one processor after another."""

    def __init__(self, scratch, options):
        self.scratch, self.options = scratch, options
        self.source, self.build = scratch / "source", scratch / "build"
        self.copy()

    def copy(self):
        listed = call(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).stdout
        for name in filter(None, listed.split("\0")):
            original, copied = ROOT / name, self.source / name
            if not original.is_file():
                continue
            copied.parent.mkdir(parents=True, exist_ok=True)
            # what is the same keeps its time, so that a kept build stays as it is
            if not copied.exists() or copied.read_bytes() != original.read_bytes():
                shutil.copyfile(original, copied)
                shutil.copymode(original, copied)

    def path(self, mutation):
        return self.source / "include/paragon" / mutation.file

    def set_processor(self, processor):
        options = [f"-Dgpu_targets={processor}", *self.options]
        if (self.build / "build.ninja").exists():
            command = [MESON, "configure", self.build, options[0]]
        else:
            command = [MESON, "setup", self.build, self.source, "-Dplatform=amd", "-Dsimulator=true",
                       "-Dexamples=disabled", *options]
        result = call(command)
        if result.returncode:
            raise Unclear(f"{result.stdout}\nmeson failed; what it needs is given as BUILD_OPTIONS")

    def compile(self, name, tests):
        """Builds test programs and returns copies of them in a folder of that name, which later builds leave alone."""
        programs = [test.replace("/", "_") for test in tests]
        result = call(["ninja", "-C", self.build, *(f"tests/{program}" for program in programs)])
        if result.returncode:
            raise Unclear(f"{result.stdout[-6000:]}\n{name}: does not compile")
        folder = self.scratch / "programs" / name
        folder.mkdir(parents=True, exist_ok=True)
        for program in programs:
            shutil.copy(self.build / "tests" / program, folder)
        return [folder / program for program in programs]

    def run(self, program, processor, cases):
        """Runs those cases of a test program up to the first failure."""
        start = time.monotonic()
        launcher = self.build / "subprojects/amdgcn-sim/hip/hip-sim-run"
        command = [launcher, "--arch", processor, "--check", program, "--abort-after=1", "--no-colors=1"]
        environment = {"AMDGCN_SIM_CACHE": str(self.scratch / "cache"), "PARAGON_SLOW_DEVICE": "1", "PARAGON_SEED": "1",
                       **os.environ}
        try:
            result = call([*command, f"--test-case={','.join(cases)}"], timeout=LIMIT, env=environment)
        except subprocess.TimeoutExpired as late:
            return Outcome(f"does not end within {LIMIT} s", "", str(late.stdout), LIMIT)
        seconds, output = time.monotonic() - start, result.stdout
        if "not implemented" in output:
            raise Unclear(f"{output}\nthe simulator lacks an instruction")
        if re.search(r"test cases: +0 ", output):
            raise Unclear(f"{program.name}: no test case matches {cases}")
        if result.returncode == 0:
            return Outcome("", "", output, seconds)
        failure = first_failure(output)
        if result.returncode < 0:
            failure = failure or f"ended by signal {-result.returncode}"
        if not failure:
            raise Unclear(f"{output}\n{program.name}: fails without a failing check")
        return Outcome(failure, failing_case(output), output, seconds)


def check_mutations(tree, mutations):
    for mutation in mutations:
        count = tree.path(mutation).read_text().count(mutation.old)
        if count != 1:
            raise Unclear(f"{mutation.name}: the old text must occur once in {mutation.file}; it does {count} times")


def check_unchanged(tree, processor, test, program, cases):
    """A program passes as long as nothing is changed, or a failure later on would mean nothing."""
    outcome = tree.run(program, processor, cases)
    if outcome.failure:
        raise Unclear(f"{outcome.output}\n{test}: fails on {processor} although nothing is changed")
    print(f"{processor} {test}: passes unchanged, {outcome.seconds:.0f} s", flush=True)


def start_unchanged(tree, processor, mutations, runner):
    """Builds the programs of these mutations and returns their runs."""
    cases = {}
    for mutation in mutations:
        cases.setdefault(mutation.test, set()).add(mutation.cases or "*")
    programs = tree.compile(f"unchanged-{processor}", cases)
    return [runner.submit(check_unchanged, tree, processor, test, program, sorted(cases[test]))
            for test, program in zip(cases, programs)]


def build_mutant(tree, mutation):
    """Makes the change, builds and takes it back; returns the program."""
    path = tree.path(mutation)
    right = path.read_text()
    path.write_text(right.replace(mutation.old, mutation.new))
    try:
        return tree.compile(mutation.name, [mutation.test])[0]
    finally:
        path.write_text(right)


def try_mutant(tree, mutation, program, built_in):
    outcome = tree.run(program, mutation.processor, [mutation.cases or "*"])
    outcome.seconds += built_in
    print(f"{mutation.name}: {outcome.failure or 'NOT CAUGHT'}, {outcome.seconds:.0f} s", flush=True)
    return outcome


def try_group(tree, processor, mutations, runner):
    """Returns [(mutation, outcome)]. One program runs while the next one is built."""
    tree.set_processor(processor)
    unchanged = start_unchanged(tree, processor, mutations, runner)
    started = []
    for mutation in mutations:
        for run in filter(lambda run: run.done(), unchanged):
            run.result()
        start = time.monotonic()
        program = build_mutant(tree, mutation)
        started.append(runner.submit(try_mutant, tree, mutation, program, time.monotonic() - start))
    for run in unchanged:
        run.result()
    return [(mutation, run.result()) for mutation, run in zip(mutations, started)]


def row(mutation, outcome):
    test = f"{mutation.processor} `{mutation.test}`: {outcome.case}"
    caught = f"`{outcome.failure}`" if outcome.failure else "**not caught**"
    return f"| {mutation.name}: {mutation.wrong} | {test} | {caught} | {outcome.seconds:.0f} |"


def run_all(scratch, mutations, options):
    """Returns the number of mutations that no test caught."""
    tree = Tree(scratch, options)
    check_mutations(tree, mutations)
    results = []
    runner = concurrent.futures.ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 1) - 1))
    try:
        for processor in dict.fromkeys(mutation.processor for mutation in mutations):
            group = [mutation for mutation in mutations if mutation.processor == processor]
            results += try_group(tree, processor, group, runner)
    finally:
        runner.shutdown(cancel_futures=True)
    print("\n| wrong change | test | what failed first | seconds |\n|---|---|---|---|")
    for mutation, outcome in results:
        print(row(mutation, outcome))
    survivors = sum(not outcome.failure for _, outcome in results)
    print(f"\n{len(results)} mutations, {survivors} not caught")
    return survivors


def parse():
    """Returns (chosen mutations, scratch folder or None, build options)."""
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False, allow_abbrev=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--scratch", type=lambda folder: pathlib.Path(folder).resolve())
    chosen, options = parser.parse_known_args()
    if chosen.help:
        print(__doc__)
        sys.exit()
    unknown = set(chosen.only) - {mutation.name for mutation in MUTATIONS}
    if unknown:
        raise Unclear(f"no such mutation: {', '.join(sorted(unknown))}")
    mutations = [mutation for mutation in MUTATIONS if mutation.name in chosen.only or not chosen.only]
    return mutations, chosen.scratch, options


def main():
    try:
        mutations, scratch, options = parse()
        with tempfile.TemporaryDirectory() as temporary:
            survivors = run_all(scratch or pathlib.Path(temporary), mutations, options)
    except Unclear as reason:
        print(reason, file=sys.stderr)
        sys.exit(2)
    sys.exit(1 if survivors else 0)


main()
