#!/usr/bin/env python3
"""consume.py WAY SOURCE_ROOT MESON...: builds and runs the program in consumer/ against this library as a user would.

WAY is `subproject` (Meson, the library's sources below subprojects/), `pkg_config` (the bare compiler) or
`find_package` (CMake); the latter two use a fresh installation. Exits with 77, which counts as skipped, where the tool
to test with is missing.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

CONSUMER = pathlib.Path(__file__).resolve().parent / "consumer"
HEADER_ONLY = ["-Dtests=disabled", "-Dexamples=disabled"]


def run(*command, **keywords):
    command = [str(part) for part in command]
    print("+", " ".join(command), flush=True)
    return subprocess.run(command, check=True, **keywords)


def install(scratch, source_root, meson):
    """Installs the library and returns the prefix."""
    prefix = scratch / "prefix"
    run(*meson, "setup", scratch / "library", source_root, f"--prefix={prefix}", *HEADER_ONLY)
    run(*meson, "install", "--quiet", "-C", scratch / "library")
    return prefix


def subproject(scratch, source_root, meson):
    project = scratch / "project"
    shutil.copytree(CONSUMER, project)
    (project / "subprojects").mkdir()
    (project / "subprojects" / "paragon").symlink_to(source_root)
    run(*meson, "setup", scratch / "build", project, "--wrap-mode=forcefallback")
    run(*meson, "compile", "-C", scratch / "build")
    return scratch / "build" / "consumer"


def pkg_config(scratch, source_root, meson):
    prefix = install(scratch, source_root, meson)
    environment = dict(os.environ, PKG_CONFIG_PATH=str(prefix / "share" / "pkgconfig"))
    flags = run("pkg-config", "--cflags", "--libs", "paragon", env=environment, stdout=subprocess.PIPE, text=True).stdout
    program = scratch / "consumer"
    compiler = os.environ.get("CXX", "c++").split()
    run(*compiler, "-std=c++20", "-o", program, *sorted(CONSUMER.glob("*.cpp")), *flags.split())
    return program


def find_package(scratch, source_root, meson):
    prefix = install(scratch, source_root, meson)
    run("cmake", "-S", CONSUMER, "-B", scratch / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", scratch / "build")
    return scratch / "build" / "consumer"


def main():
    way, source_root, *meson = sys.argv[1:]
    tool = {"pkg_config": "pkg-config", "find_package": "cmake"}.get(way)
    if tool and not shutil.which(tool):
        print(f"{tool} is not installed")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as scratch:
        run(globals()[way](pathlib.Path(scratch), source_root, meson))


main()
