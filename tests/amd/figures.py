#!/usr/bin/env python3
"""figures.py --runner HIP_SIM_RUN --program FIGURES --compiler CLANG [--check | --record] [--arch TARGET...]

Figures of the decode kernel's token loop as AMD machine code: runs FIGURES (figures.cpp) on the simulator for every
target, KV type, page size and group size at two lengths, and takes the difference of the executed instructions, so that
prologue and epilogue cancel. Registers come from the code objects, loads in flight from loop_loads.py, cycles
and bytes per second from issue_model.py.

Prints the tables, and fails where a figure breaks one of BOUNDS. --check compares with figures.json and fails where a
figure is more than 5% worse than recorded; --record rewrites figures.json for these targets and the tables of
docs/performance.md. A change that makes one figure worse to make another better needs --record, and so shows in the
diff.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

import issue_model
import loop_loads
from code_objects import code_objects, kernels, tool_beside

HERE = os.path.dirname(os.path.abspath(__file__))
RECORD = os.path.join(HERE, "figures.json")
DOCUMENT = os.path.join(HERE, "..", "..", "docs", "performance.md")
BEGIN, END = "<!-- figures.py writes from here -->\n", "<!-- to here -->\n"

TYPES, PAGE_SIZES, GROUP_SIZES = ("fp8", "bf16", "fp16"), (1, 16), (1, 8, 16)
SHORT, LONG = 512, 1024
TOLERANCE = 0.05

HEADER = re.compile(r"amdgcn-sim: (\S+): (\d+) launches, \d+ workgroups, ([\d.]+) M wave instructions, translate .*")
COUNT = re.compile(r" +(\d+) (\w+)")

# A figure and whether more of it is better.
MORE_IS_BETTER = {"bytes_per_instruction": True, "waves_per_simd": True, "bytes_in_flight": True,
                  "bytes_while_multiplying": True, "serial": True, "overlapped": True, "latency": True, "vgprs": False,
                  "sgprs": False, "scratch_bytes": False,
                  **{kind: False for kind in issue_model.CLASSES}}

# What holds whatever is recorded: targets, cases, figure, at least, at most.
ALL, CDNA3, NO_END = tuple(issue_model.TARGETS), ("gfx942", "gfx950"), float("inf")
BOUNDS = (
    (ALL, r".*", "scratch_bytes", 0, 0),
    (ALL, r".*", "barrier", 0, 0),
    (ALL, r".*", "latency", 1, NO_END),
    (CDNA3, r".*", "lds", 0, 0),
    (CDNA3, r".*", "shuffle", 0, 0),
    (CDNA3, r".*, group size [18]", "vgprs", 0, 128),  # four waves per SIMD
    (CDNA3, r"fp8, page size 1, group size [18]", "bytes_per_instruction", 24, NO_END),
    (CDNA3, r"fp8, page size 16, group size [18]", "bytes_per_instruction", 32, NO_END),
    (CDNA3, r"(bf|fp)16, .*", "bytes_per_instruction", 56, NO_END),
)


def read_statistics(text):
    """Counts per kernel and mnemonic from what the simulator prints at exit."""
    counts, totals, kernel = collections.defaultdict(collections.Counter), collections.Counter(), None
    for line in text.splitlines():
        header, count = HEADER.fullmatch(line), COUNT.fullmatch(line)
        if header:
            kernel = header[1]
            totals[kernel] += float(header[3]) * 1e6
        elif count and kernel:
            counts[kernel][count[2]] += int(count[1])
        else:
            raise ValueError(f"no line of the simulator's statistics: {line}")
    for kernel, total in totals.items():
        if abs(sum(counts[kernel].values()) - total) > 1000:
            raise ValueError(f"{kernel}: {sum(counts[kernel].values())} instructions by mnemonic, {total:.0f} in all")
    if not counts:
        raise ValueError("no statistics: does the simulator know AMDGCN_SIM_STATS?")
    return counts


class Simulation:
    """Runs of the program on the simulator."""

    def __init__(self, runner, program):
        self.runner, self.program = runner, program
        self.environment = dict(os.environ, AMDGCN_SIM_STATS="1", AMDGCN_SIM_THREADS="1")
        # So few instructions are executed that optimising their translation costs more than it saves.
        self.environment.setdefault("AMDGCN_SIM_CXXFLAGS", "-O0 -march=native")
        self.environment.pop("AMDGCN_SIM_CHECK", None)

    def run(self, arch, kv, page_size, group, tokens):
        """The program's own line and the counts of its kernels. One compute unit, so that every wave has work."""
        command = [self.runner, "--arch", arch, "--cus", "1", self.program, kv, str(page_size), str(group), str(tokens)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)}:\n{done.stderr[-4000:]}")
        return json.loads(done.stdout), read_statistics(done.stderr)


def loop_counts(short, long):
    """The one kernel whose counts depend on the length, and how its counts grew."""
    grown = {}
    for kernel in long:
        if long[kernel] != short[kernel]:
            difference = collections.Counter(long[kernel])
            difference.subtract(short[kernel])
            grown[kernel] = {mnemonic: count for mnemonic, count in difference.items() if count}
    if len(grown) != 1:
        raise ValueError(f"{len(grown)} kernels depend on the number of tokens: {sorted(grown)}")
    (kernel, counts), = grown.items()
    negative = [mnemonic for mnemonic, count in counts.items() if count < 0]
    if negative:
        raise ValueError(f"{kernel}: more tokens, fewer of {negative}: the lengths do not isolate the loop")
    return kernel, counts


class Code:
    """What can be read off the program's code objects, in a folder that they are written to."""

    def __init__(self, compiler, program, folder):
        self.objdump, self.folder, self.metadata = tool_beside(compiler, "llvm-objdump"), folder, {}
        readelf = tool_beside(compiler, "llvm-readelf")
        for arch, image in code_objects(program):
            with open(self.path(arch), "wb") as file:
                file.write(image)
            self.metadata[arch] = {kernel["name"]: kernel for kernel in kernels(readelf, image)}

    def path(self, arch):
        """Where the code object lies."""
        return os.path.join(self.folder, arch + ".co")

    def registers(self, arch, kernel):
        """What the kernel uses. On CDNA `vgpr_count` has the accumulation registers in it."""
        found = self.metadata[arch][kernel]
        return {"vgprs": int(found["vgpr_count"]), "sgprs": int(found["sgpr_count"]),
                "scratch_bytes": int(found["private_segment_fixed_size"])}

    def loads_in_flight(self, arch, kernel):
        """Bytes of a wave that are still to come while it multiplies, on average."""
        return loop_loads.of_kernel(self.objdump, self.path(arch), kernel, issue_model.TARGETS[arch].wave)


def measure(simulation, code, arch, case):
    """All figures of one case."""
    short, short_counts = simulation.run(arch, *case, SHORT)
    launch, long_counts = simulation.run(arch, *case, LONG)
    if SHORT < launch["tile_tokens"]:
        raise ValueError(f"{arch} {case}: too few tokens for a tile per wave")
    kernel, counts = loop_counts(short_counts, long_counts)
    target = issue_model.TARGETS[arch]
    used = code.registers(arch, kernel)
    waves = target.occupancy(used["vgprs"], launch["workgroup_waves"], launch["shared_bytes"])
    if waves * target.shared_simds != launch["workgroups"] * launch["workgroup_waves"]:
        raise ValueError(f"{arch} {case}: {waves} waves per SIMD by the rules here, by the runtime's "
                         f"{launch['workgroups']} workgroups of {launch['workgroup_waves']} waves")

    kv_bytes = launch["kv_bytes"] - short["kv_bytes"]
    tiles = launch["wave_tiles"] - short["wave_tiles"]
    in_flight = launch["bytes_ahead"] * waves * target.simds
    while_multiplying = code.loads_in_flight(arch, kernel) * waves * target.simds
    serial, overlapped, unit = target.shares(counts, kv_bytes)
    per_kib = {kind: rounded(1024 * count / kv_bytes) for kind, count in issue_model.by_class(counts).items()}
    return {"tile_bytes": kv_bytes // tiles, "bytes_per_instruction": rounded(kv_bytes / sum(counts.values())),
            **per_kib, **used, "waves_per_simd": waves, "bytes_in_flight": in_flight,
            "bytes_while_multiplying": rounded(while_multiplying), "serial": rounded(serial),
            "overlapped": rounded(overlapped), "busiest": unit, "latency": rounded(in_flight / target.bytes_asked())}


def rounded(value):
    """Four significant digits: what is recorded should be readable."""
    return float(f"{value:.4g}")


def name_of(case):
    """How a case is called in the record."""
    return "{}, page size {}, group size {}".format(*case)


def collect(options):
    """Figures by target and case."""
    simulation = Simulation(options.runner, options.program)
    # Cases of one kernel lie far apart, so that one process translates it and the others find it.
    cases = [(arch, (kv, page_size, group)) for page_size in PAGE_SIZES for group in GROUP_SIZES
             for arch in options.arch for kv in TYPES]
    with tempfile.TemporaryDirectory() as folder:
        code = Code(options.compiler, options.program, folder)
        missing = sorted(set(options.arch) - set(code.metadata))
        if missing:
            sys.exit(f"{options.program} has no code for {', '.join(missing)}")
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(lambda item: measure(simulation, code, *item), cases))
    figures = {arch: {} for arch in options.arch}
    for (arch, case), result in sorted(zip(cases, results), key=lambda item: order_of(item[0])):
        figures[arch][name_of(case)] = result
    return figures


def order_of(case):
    """Where a case stands in tables and record."""
    arch, (kv, page_size, group) = case
    return list(issue_model.TARGETS).index(arch), TYPES.index(kv), page_size, group


def worse(figure, old, new):
    """Whether a figure is more than the tolerance worse."""
    if MORE_IS_BETTER[figure]:
        return new < old * (1 - TOLERANCE)
    return new > old * (1 + TOLERANCE)


def regressions(recorded, figures):
    """Sentences about figures that got worse, or that are not recorded."""
    found = []
    for arch, cases in figures.items():
        for case, values in cases.items():
            old = recorded.get(arch, {}).get(case)
            if old is None:
                found.append(f"{arch}, {case}: not recorded; use --record")
                continue
            for figure in MORE_IS_BETTER:
                if worse(figure, old[figure], values[figure]):
                    found.append(f"{arch}, {case}: {figure} was {old[figure]:g}, is {values[figure]:g}")
    return found


def broken_bounds(figures):
    """Sentences about figures outside of what is asked of them."""
    found = []
    for targets, cases, figure, least, most in BOUNDS:
        for arch in figures.keys() & set(targets):
            for case, values in figures[arch].items():
                if re.fullmatch(cases, case) and not least <= values[figure] <= most:
                    found.append(f"{arch}, {case}: {figure} is {values[figure]:g}, not {least:g} to {most:g}")
    return found


def table(head, rows):
    """A table in Markdown. Rows that differ in page and group size only are one row; these are columns 1 and 2."""
    merged = {}
    for row in rows:
        same = merged.setdefault((row[0], *row[3:]), ([], []))
        for sizes, size in zip(same, row[1:3]):
            if size not in sizes:
                sizes.append(size)
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for key, (pages, groups) in merged.items():
        cells = [key[0], ", ".join(pages), ", ".join(groups), *key[1:]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def printed(figures):
    """The tables, per target: instructions by class, and what they and the registers come to."""
    text = ""
    for arch, cases in figures.items():
        target = issue_model.TARGETS[arch]
        used = [kind for kind in issue_model.CLASSES if any(values[kind] for values in cases.values())]
        classes, results = [], []
        for case, v in cases.items():
            kv, page, group = re.fullmatch(r"(\w+), page size (\d+), group size (\d+)", case).groups()
            per_tile = v["tile_bytes"] / 1024
            total = v["tile_bytes"] / v["bytes_per_instruction"]
            classes.append([kv, page, group, f"{per_tile:g}", f"{total:.0f}",
                            *(f"{v[kind] * per_tile:.3g}" for kind in used)])
            results.append([kv, page, group, f"{v['bytes_per_instruction']:.1f}",
                            f"{(v['lds'] + v['shuffle']) * per_tile:.3g}", f"{v['barrier'] * per_tile:.3g}",
                            str(v["vgprs"]), str(v["sgprs"]), str(v["scratch_bytes"]), f"{v['waves_per_simd']:g}",
                            f"{v['bytes_in_flight'] / 1024:g}", f"{v['bytes_while_multiplying'] / 1024:.3g}",
                            f"{v['latency']:.2f}", f"{v['serial']:.2f}",
                            f"{v['overlapped']:.2f} ({v['busiest']})"])
        text += f"\n{arch} as {target.chip}: {target.compute_units} CUs, {target.clock / 1e9:g} GHz, "
        text += f"{target.bandwidth / 1e12:g} TB/s, which takes "
        text += f"{target.bytes_asked() / 1024:.1f} KiB in flight per CU.\n"
        text += "Executed wave instructions per tile of a wave:\n\n"
        text += table(["KV", "page", "group", "KiB", "all", *(kind.replace("_", " ") for kind in used)], classes)
        text += "\n"
        text += table(["KV", "page", "group", "KV bytes per instruction", "LDS operations", "barriers", "VGPRs",
                       "SGPRs", "scratch", "waves per SIMD", "KiB in flight per CU", "while multiplying",
                       "over Little's", "serial", "overlapped"], results)
    return text + "\n"


def read_record():
    """What is recorded, or nothing yet."""
    if not os.path.exists(RECORD):
        return {}
    with open(RECORD, encoding="utf-8") as file:
        return json.load(file)


def record_text(figures):
    """JSON with a case a line."""
    targets = []
    for arch, cases in figures.items():
        lines = ",\n".join(f"  {json.dumps(case)}: {json.dumps(values)}" for case, values in cases.items())
        targets.append(f" {json.dumps(arch)}: {{\n{lines}\n }}")
    return "{\n" + ",\n".join(targets) + "\n}\n"


def write_record(figures):
    """Puts figures into the record, and the record's tables into the document."""
    both = {**read_record(), **figures}
    both = {arch: both[arch] for arch in issue_model.TARGETS if arch in both}
    with open(RECORD, "w", encoding="utf-8") as file:
        file.write(record_text(both))
    with open(DOCUMENT, encoding="utf-8") as file:
        before, begin, rest = file.read().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{DOCUMENT} lacks the lines between which the tables belong")
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(before + begin + printed(both) + end + after)


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", required=True, help="hip-sim-run of the simulator")
    parser.add_argument("--program", required=True, help="figures.cpp, built for all of the targets")
    parser.add_argument("--compiler", required=True, help="clang++, beside which llvm-readelf lies")
    parser.add_argument("--arch", nargs="+", choices=list(issue_model.TARGETS), default=list(issue_model.TARGETS))
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--record", action="store_true")
    options = parser.parse_args()

    figures = collect(options)
    print(printed(figures))
    broken = broken_bounds(figures)
    if broken:
        sys.exit("\n".join(broken))
    if options.record:
        write_record(figures)
    if options.check:
        found = regressions(read_record(), figures)
        print("\n".join(found) or "no figure is more than 5% worse than recorded")
        sys.exit(bool(found))


if __name__ == "__main__":
    main()
