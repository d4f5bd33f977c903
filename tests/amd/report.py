#!/usr/bin/env python3
"""report.py [--build DIR] [--output FILE] [MESON OPTION...]: builds paragon for the AMD GPU of this machine, runs all of
its tests and its benchmark there, and writes what happened into one text file, to be sent back as it is.

Options after these go to `meson setup`, after -Dplatform=amd and the native file meson/amd.ini: a second native file for a
ROCm that is not in /opt/rocm, say. The processor is the one that the machine has. Nothing outside of DIR and FILE is
changed; FILE holds the names of the GPUs and of the software, test output and times, and no other data of the machine.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def output_of(*command):
    """What a program prints, or why it cannot."""
    if shutil.which(command[0]) is None:
        return f"{command[0]}: not found"
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return (done.stdout + done.stderr).strip()


def meson():
    """The Meson to call: the one of README's virtual environment, else the system's."""
    own = ROOT / ".venv/bin/meson"
    return str(own) if own.exists() else "meson"


class Report:
    """Sections of text, on the screen while they happen and in the file at once, so that a crash leaves what was done."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")

    def section(self, title, text):
        self.write(f"\n== {title}\n{text}\n")

    def write(self, text):
        print(text, end="", flush=True)
        self.file.write(text)
        self.file.flush()

    def step(self, title, command):
        """Runs a command with its output in the report; returns its exit status."""
        self.section(title, "$ " + " ".join(command))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              cwd=ROOT) as process:
            for line in process.stdout:
                self.write(line)
        self.write(f"exit status {process.returncode}\n")
        return process.returncode


def processors():
    """The distinct processors of this machine, as HIP names them."""
    lines = output_of("rocm_agent_enumerator").splitlines() or output_of("/opt/rocm/bin/rocm_agent_enumerator").splitlines()
    return sorted({line for line in lines if line.startswith("gfx") and line != "gfx000"})


def describe_machine(report):
    version = pathlib.Path("/opt/rocm/.info/version")
    report.section("paragon", output_of("git", "log", "-1", "--format=%H %cs") + "\n" + output_of("git", "status", "-s"))
    report.section("ROCm", version.read_text(encoding="utf-8").strip() if version.exists() else "not in /opt/rocm")
    report.section("kernel", output_of("uname", "-sr"))
    report.section("GPUs", output_of("rocm-smi", "--showproductname", "--showdriverversion"))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--build", default="build-report")
    parser.add_argument("--output", default="paragon-report.txt")
    own, options = parser.parse_known_args()
    if not any(option.startswith("-Dgpu_targets") for option in options):
        found = processors()
        if not found:
            sys.exit("no AMD GPU found by rocm_agent_enumerator; name its processor: -Dgpu_targets=gfx942")
        options.append("-Dgpu_targets=" + ",".join(found))

    report = Report(own.output)
    describe_machine(report)
    setup = [meson(), "setup", own.build, "-Dplatform=amd", "--native-file", "meson/amd.ini", *options]
    failed = report.step("configuration", setup) or report.step("build", [meson(), "compile", "-C", own.build])
    if not failed:
        # one at a time: tests that share a GPU would disturb each other's memory
        tests = [meson(), "test", "-C", own.build, "-j1", "--suite", "host", "--suite", "device", "--print-errorlogs"]
        failed = report.step("tests", tests)
        failed |= report.step("benchmark", [meson(), "test", "-C", own.build, "--benchmark", "--verbose"])
    report.section("result", "failed, see above" if failed else "all passed")
    print(f"\nwritten: {own.output}")
    sys.exit(bool(failed))


main()
