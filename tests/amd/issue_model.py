"""What executed instruction counts mean on real chips: classes of instructions, occupancy, and a model of issue cycles.

The model asks one thing: could the instructions of the token loop be issued as fast as memory delivers KV bytes? It
gives two answers, as KV bytes per second over the memory bandwidth:

- serial: a SIMD does one instruction at a time, each for as long as its unit needs. Real chips do better, because waves
  of one SIMD use different units at once.
- overlapped: each unit works through its own instructions without ever waiting, and the busiest unit decides. Real
  chips do worse.

Above 1 for serial means that issue is no limit; below 1 for overlapped, that it is one; in between it depends.

Assumptions, by source:
- AMD Matrix Instruction Calculator: cycles of matrix instructions, and that vector instructions of other waves run
  beside an MFMA, but not beside a WMMA. It does not know gfx950, whose cycles are those of LLVM's scheduling model;
  with them 16-bit peak is 4096 FLOP per cycle and CU, which is what the product's data sheet says.
- ROCm Compute Profiler, "Pipeline descriptions": on CDNA the scheduler serves a SIMD every fourth cycle with up to one
  instruction each of vector, vector memory, scalar (memory too), LDS and branch, from different waves; MFMA goes
  through the vector port; LDS moves 128 bytes a cycle, addresses and data alike, vector memory 64 from the first-level
  cache.
- LLVM's scheduling model (SISchedule.td, llvm-mca): quarter rate for transcendentals and, on CDNA, for conversions with
  one source; on RDNA for 32-bit integer multiplication. Everything else is full rate: 4 cycles for a wave of 64 on a
  16-lane SIMD of CDNA, 1 cycle for a wave of 32 on RDNA. A dual instruction of RDNA 3 counts once.
- LLVM's occupancy rules (AMDGPUBaseInfo.cpp): register files and their granules, waves per SIMD.
- AMD's data sheets: compute units, peak engine clock, memory bandwidth. Sustained clocks are lower, and so is the
  bandwidth that a kernel reaches.
- RDNA's first-level cache is taken to deliver 128 bytes a cycle and CU, and its transcendental unit to work beside the
  vector unit.
- Memory latency under load is taken as 800 ns on every chip, the least that is plausible for HBM.
- Instructions that wait or order (s_waitcnt, s_nop, s_delay_alu, ...) cost one issue slot in the serial answer and none
  in the other. Dependences between instructions, bank conflicts, cache misses of instructions and scalar data, clock
  changes and page tables are not modelled.
"""
import collections
import dataclasses
import re

LATENCY = 800e-9
NO_SUFFIX = re.compile(r"(?:_(?:e32|e64|dpp8?|sdwa))+$")

# Classes of instructions, in the order in which they are asked; the names of a class's figures are these.
CLASSES = {
    "matrix": r"v_(mfma|wmma|smfmac|swmmac)_\w+",
    "convert": r"v_cvt_\w+",
    "transcendental": r"v_(s_)?(exp|log|rcp|rcp_iflag|rsq|sqrt|sin|cos)_\w+",
    "packed": r"v_pk_\w+",
    "multiply": r"v_mul_(lo|hi)_[iu]32|v_mad_(co_)?[iu]64_[iu]32",
    "vector": r"v_(dual_)?(accvgpr|add|addc|add3|add_lshl|alignbit|alignbyte|and|and_or|ashr|ashrrev|bcnt|bfe|bfi|bfm"
              r"|bfrev|ceil|clrexcp|cmp|cmpx|cndmask|div_fixup|div_fmas|div_scale|dot2|ffbh|ffbl|floor|fma|fmaak|fmac"
              r"|fmamk|fract|frexp|ldexp|lshl|lshl_add|lshl_or|lshlrev|lshr|lshrrev|mad|madak|madmk|max|max3|maximum"
              r"|mbcnt|med3|min|min3|minimum|mov|movrels|mul|nop|not|or|or3|pack|perm|permlane\w*|readfirstlane"
              r"|readlane|rndne|sad|sub|subb|subbrev|subrev|swap|trunc|writelane|xad|xnor|xor|xor3)(_\w+)?",
    "load": r"(global|flat|buffer)_load_\w+",
    "store": r"(global|flat|buffer)_(store|atomic)_\w+",
    "scratch": r"scratch_\w+",
    "shuffle": r"ds_(bpermute|permute|swizzle)_\w+",
    "lds": r"ds_(load|store|read|write|add|sub|min|max|and|or|xor|inc|dec|cmpst|cmpstore|wrxchg|storexchg)\w*",
    "barrier": r"s_barrier(_signal|_wait|_leave|_init|_join)?\w*",
    "scalar_load": r"s_(load|buffer_load|store|dcache|prefetch|atc|memtime|memrealtime)\w*",
    "branch": r"s_(branch|cbranch_\w+|setpc_b64|swappc_b64|call_b64|trap)",
    "wait": r"s_(wait\w*|nop|delay_alu|sleep\w*|clause|sendmsg\w*|endpgm\w*|setprio|icache_inv|inst_prefetch"
            r"|set_inst_prefetch_distance|set_gpr_idx_\w+|code_end|sethalt)|buffer_(inv|wbl2|wbinvl1|wbinvl1_vol"
            r"|gl[01]_inv)|global_(inv|wb|wbinv)",
    "scalar": r"s_(abs|absdiff|add|addc|addk|and|andn[12]|and_not[01]|ashr|bcnt[01]|bfe|bfm|bitcmp[01]|bitreplicate"
              r"|bitset[01]|brev|ceil|cls|clz|cmov|cmovk|cmp|cmpk|cselect|ctz|cvt|ff[01]|flbit|floor|fmaak|fmac|fmamk"
              r"|getpc|getreg|lshl[1-4]?|lshl[1-4]_add|lshr|max|min|mov|movk|movrel[sd]|mul|mulk|nand|nor|not|nullify"
              r"|or|orn[12]|or_not[01]|pack|quadmask|rndne|sext|setreg|sub|subb|subrev|trunc|version|wqm|xnor"
              r"|xor)(_\w+)?",
}
_PATTERNS = {name: re.compile(pattern) for name, pattern in CLASSES.items()}

# Conversions that run at full rate on CDNA: those with two sources, and those with a scale.
_FULL_RATE_CONVERSION = re.compile(r"v_cvt_(pkrtz|pk_rtz|scalef32|sr_|pk_(f16|bf16|fp8|bf8)_f32)")
_WIDTHS = {"short": 2, "sshort": 2, "ushort": 2, "u16": 2, "i16": 2, "b16": 2, "d16": 2, "dword": 4, "b32": 4,
           "dwordx2": 8, "b64": 8, "dwordx3": 12, "b96": 12, "dwordx4": 16, "b128": 16}


class Unknown(ValueError):
    """An instruction that the tables here do not know: extend them, or the figures would be wrong."""


def stem(mnemonic):
    """The mnemonic without its encoding."""
    return NO_SUFFIX.sub("", mnemonic)


def classify(mnemonic):
    """The class of an instruction."""
    name = stem(mnemonic)
    for kind, pattern in _PATTERNS.items():
        if pattern.fullmatch(name):
            return kind
    raise Unknown(f"{mnemonic}: of no class that is known")


def is_a(kind, mnemonic):
    """Whether an instruction belongs to a class; what belongs to none may be asked about, too."""
    return bool(_PATTERNS[kind].fullmatch(stem(mnemonic)))


def access_bytes(mnemonic):
    """Bytes per lane of a load, a store or an LDS operation."""
    name = stem(mnemonic)
    if "_atomic_" in name:
        return 8 if re.search(r"_x2$|64$", name) else 4
    if re.search(r"_[us]byte|_[ui]8$", name):
        return 1
    words = [_WIDTHS[word] for word in name.split("_")[1:] if word in _WIDTHS]
    if not words:
        raise Unknown(f"{mnemonic}: of unknown width")
    return words[-1] * (2 if re.search(r"_(2addr|read2|write2)|read2st64|write2st64", name) else 1)


def by_class(counts):
    """Counts per class from counts per mnemonic; every class is there."""
    totals = dict.fromkeys(CLASSES, 0)
    for mnemonic, count in counts.items():
        totals[classify(mnemonic)] += count
    return totals


@dataclasses.dataclass(frozen=True)
class Target:
    """A chip, and how its units take instructions. All but the first five are per CU or SIMD."""
    chip: str
    compute_units: int
    clock: float
    bandwidth: float
    wave: int
    simds: int
    registers: int
    granule: int
    max_waves: int
    shared_bytes: int  # of the CUs that a workgroup can spread over
    shared_simds: int  # their SIMDs
    slot: int  # cycles of a full-rate vector instruction, and between two of a kind from one SIMD
    slow: frozenset  # classes at quarter rate
    cache_bytes: int  # from the first-level cache, per cycle and CU
    matrix: dict  # cycles by the mnemonic's stem
    overlaps: bool  # vector instructions and, on RDNA, transcendental ones beside it run at the same time

    def occupancy(self, vgprs, workgroup_waves, shared_bytes):
        """Waves per SIMD, as registers, workgroup size and LDS allow."""
        by_registers = min(self.max_waves, self.registers // (-(-max(vgprs, 1) // self.granule) * self.granule))
        workgroups = by_registers * self.shared_simds // workgroup_waves
        if shared_bytes:
            workgroups = min(workgroups, self.shared_bytes // shared_bytes)
        return workgroups * workgroup_waves / self.shared_simds

    def vector_cycles(self, mnemonic, kind):
        """Cycles on the vector unit of a SIMD."""
        quarter = kind in self.slow and not (kind == "convert" and _FULL_RATE_CONVERSION.match(mnemonic))
        return self.slot * (4 if quarter else 1)

    def matrix_cycles(self, mnemonic):
        """Cycles on the matrix unit of a SIMD."""
        if stem(mnemonic) not in self.matrix:
            raise Unknown(f"{mnemonic}: of unknown cycles on {self.chip}")
        return self.matrix[stem(mnemonic)]

    def busy(self, counts):
        """Cycles that the units of one SIMD are busy with these instructions, and `serial` for all in turn. What the
        SIMDs of a CU share is charged to each as if they took turns."""
        cycles = collections.Counter()
        for mnemonic, count in counts.items():
            kind = classify(mnemonic)
            for unit, each in self._units(mnemonic, kind).items():
                cycles[unit] += each * count
        return cycles

    def _units(self, mnemonic, kind):
        slot = self.slot
        if kind == "matrix":
            cycles = self.matrix_cycles(mnemonic)
            return {"serial": cycles, "matrix": cycles, "vector": slot if self.overlaps else cycles}
        if kind == "transcendental" and slot == 1:
            return {"serial": 4, "transcendental": 4, "vector": 1}
        if kind in ("vector", "multiply", "convert", "packed", "transcendental"):
            cycles = self.vector_cycles(mnemonic, kind)
            return {"serial": cycles, "vector": cycles}
        if kind in ("load", "store", "scratch"):
            cache = max(slot / self.simds, self.wave * access_bytes(mnemonic) / self.cache_bytes)
            return {"serial": slot, "memory": self.simds * cache}
        if kind in ("lds", "shuffle"):
            width = 4 if kind == "shuffle" else access_bytes(mnemonic)
            return {"serial": slot, "lds": self.simds * self.wave * (4 + width) / 128}
        if kind in ("scalar", "scalar_load"):
            return {"serial": slot, "scalar": slot}
        if kind == "branch":
            return {"serial": slot, "branch": slot}
        return {"serial": slot}

    def shares(self, counts, kv_bytes):
        """The two answers for instructions that go with so many KV bytes, and the unit that decides the second one."""
        cycles = self.busy(counts)
        serial = cycles.pop("serial")
        unit, longest = max(cycles.items(), key=lambda item: item[1])
        available = kv_bytes * self.compute_units * self.simds * self.clock / self.bandwidth
        return available / serial, available / longest, unit

    def bytes_asked(self):
        """Bytes in flight per CU that Little's law asks for."""
        return self.bandwidth * LATENCY / self.compute_units


def _cdna(chip, compute_units, clock, bandwidth, shared_bytes, matrix):
    return Target(chip, compute_units, clock, bandwidth, 64, 4, 512, 8, 8, shared_bytes, 4, 4,
                  frozenset({"transcendental", "convert"}), 64, matrix, True)


def _rdna(chip, compute_units, clock, bandwidth, matrix):
    return Target(chip, compute_units, clock, bandwidth, 32, 2, 1536, 24, 16, 128 * 1024, 4, 1,
                  frozenset({"transcendental", "multiply"}), 128, matrix, False)


TARGETS = {
    "gfx90a": _cdna("MI250X, one die of two", 110, 1.7e9, 1.6e12, 64 * 1024, {
        "v_mfma_f32_16x16x16f16": 32, "v_mfma_f32_16x16x16bf16_1k": 32}),
    "gfx942": _cdna("MI300X", 304, 2.1e9, 5.3e12, 64 * 1024, {
        "v_mfma_f32_16x16x16_f16": 16, "v_mfma_f32_16x16x16_bf16": 16, "v_mfma_f32_16x16x32_fp8_fp8": 16}),
    "gfx950": _cdna("MI355X", 256, 2.4e9, 8e12, 160 * 1024, {
        "v_mfma_f32_16x16x16_f16": 16, "v_mfma_f32_16x16x16_bf16": 16, "v_mfma_f32_16x16x32_f16": 16,
        "v_mfma_f32_16x16x32_bf16": 16, "v_mfma_f32_16x16x32_fp8_fp8": 16}),
    "gfx1100": _rdna("RX 7900 XTX", 96, 2.5e9, 0.96e12, {
        "v_wmma_f32_16x16x16_f16": 32, "v_wmma_f32_16x16x16_bf16": 32}),
    "gfx1201": _rdna("AI PRO R9700", 64, 2.92e9, 0.64e12, {
        "v_wmma_f32_16x16x16_f16": 16, "v_wmma_f32_16x16x16_bf16": 16, "v_wmma_f32_16x16x16_fp8_fp8": 8}),
}
