#!/usr/bin/env python3
"""test_figures.py: tests of issue_model.py and figures.py against numbers worked out by hand. Simulates nothing."""
import unittest

import figures
import issue_model
import loop_loads
from issue_model import TARGETS, Unknown, access_bytes, classify

CLASS_OF = {
    "v_mfma_f32_16x16x16bf16_1k": "matrix", "v_wmma_f32_16x16x16_f16": "matrix", "v_cvt_pk_f32_fp8_sdwa": "convert",
    "v_cvt_f16_f32_e32": "convert", "v_exp_f32_e32": "transcendental", "v_s_rcp_f32": "transcendental",
    "v_pk_mul_f32": "packed", "v_mul_lo_u32": "multiply", "v_mad_co_u64_u32": "multiply", "v_mul_u32_u24_e32": "vector",
    "v_dual_mul_f32": "vector", "v_mov_b32_dpp": "vector", "v_permlane32_swap_b32_e32": "vector",
    "v_mul_f32_e64": "vector", "v_cmpx_eq_u32_e32": "vector", "global_load_dwordx4": "load", "global_load_b64": "load",
    "global_store_b32": "store", "global_atomic_add_u32": "store", "scratch_load_b32": "scratch",
    "ds_bpermute_b32": "shuffle", "ds_load_b128": "lds", "ds_write2st64_b32": "lds", "s_barrier": "barrier",
    "s_barrier_signal": "barrier", "s_load_dwordx2": "scalar_load", "s_cbranch_vccnz": "branch", "s_waitcnt": "wait",
    "s_wait_loadcnt_dscnt": "wait", "s_nop": "wait", "buffer_inv": "wait", "buffer_wbl2": "wait", "s_add_u32": "scalar",
    "s_and_saveexec_b64": "scalar", "s_lshl4_add_u32": "scalar",
}


class Classes(unittest.TestCase):
    def test_classes(self):
        for mnemonic, kind in CLASS_OF.items():
            self.assertEqual(classify(mnemonic), kind, mnemonic)

    def test_what_is_not_known_is_an_error(self):
        for mnemonic in ("v_frobnicate_b32", "s_frobnicate", "image_load", "ds_frobnicate_b32", "buffer_frob", ""):
            with self.assertRaises(Unknown, msg=mnemonic):
                classify(mnemonic)
        with self.assertRaises(Unknown):
            TARGETS["gfx942"].matrix_cycles("v_mfma_f32_32x32x8_f16")

    def test_widths(self):
        for mnemonic, width in {"global_load_dword": 4, "global_load_b128": 16, "global_load_ubyte": 1, "ds_load_u8": 1,
                                "global_load_d16_hi_b16": 2, "ds_read2st64_b32": 8, "ds_load_2addr_b64": 16,
                                "global_atomic_add": 4, "global_atomic_add_x2": 8}.items():
            self.assertEqual(access_bytes(mnemonic), width, mnemonic)
        with self.assertRaises(Unknown):
            access_bytes("global_load_frob")


class Occupancy(unittest.TestCase):
    def test_registers(self):
        for arch, vgprs, waves in (("gfx942", 128, 4), ("gfx942", 129, 3), ("gfx942", 168, 3), ("gfx942", 256, 2),
                                   ("gfx90a", 512, 1), ("gfx950", 16, 8), ("gfx1100", 192, 8), ("gfx1100", 193, 7),
                                   ("gfx1201", 231, 6), ("gfx1201", 24, 16)):
            self.assertEqual(TARGETS[arch].occupancy(vgprs, 4, 0), waves, f"{arch} {vgprs}")

    def test_shared_memory_and_workgroups(self):
        self.assertEqual(TARGETS["gfx942"].occupancy(64, 4, 20 * 1024), 3)
        self.assertEqual(TARGETS["gfx950"].occupancy(64, 4, 20 * 1024), 8)
        self.assertEqual(TARGETS["gfx942"].occupancy(168, 8, 0), 2)  # 12 waves have room for one workgroup of 8


class Model(unittest.TestCase):
    def test_units_of_cdna(self):
        busy = TARGETS["gfx942"].busy({"v_add_f32_e32": 10, "v_exp_f32_e32": 1, "v_cvt_pk_f32_fp8_e32": 1,
                                       "v_cvt_pkrtz_f16_f32": 1, "v_mul_lo_u32": 1, "v_mfma_f32_16x16x16_f16": 2,
                                       "global_load_dwordx4": 1, "s_add_u32": 3, "s_waitcnt": 1, "ds_bpermute_b32": 1})
        vector = 40 + 16 + 16 + 4 + 4
        self.assertEqual(busy["vector"], vector + 2 * 4)
        self.assertEqual(busy["matrix"], 32)
        self.assertEqual(busy["memory"], 4 * 1024 / 64)
        self.assertEqual(busy["lds"], 4 * 64 * 8 / 128)
        self.assertEqual(busy["scalar"], 12)
        self.assertEqual(busy["serial"], vector + 32 + 4 + 12 + 4 + 4)

    def test_units_of_rdna(self):
        busy = TARGETS["gfx1100"].busy({"v_add_f32_e32": 10, "v_exp_f32_e32": 1, "v_cvt_f16_f32_e32": 1,
                                        "v_mul_lo_u32": 1, "v_wmma_f32_16x16x16_f16": 1, "global_load_b128": 1})
        self.assertEqual(busy["vector"], 10 + 1 + 1 + 4 + 32)
        self.assertEqual(busy["transcendental"], 4)
        self.assertEqual(busy["memory"], 2 * 512 / 128)
        self.assertEqual(busy["serial"], 10 + 4 + 1 + 4 + 32 + 1)

    def test_shares(self):
        serial, overlapped, unit = TARGETS["gfx942"].shares({"v_add_f32_e32": 100, "s_add_u32": 50}, 1000)
        rate = 304 * 4 * 2.1e9 / 5.3e12  # bytes per cycle of a SIMD, over memory's
        self.assertAlmostEqual(serial, 1000 / 600 * rate)
        self.assertAlmostEqual(overlapped, 1000 / 400 * rate)
        self.assertEqual(unit, "vector")
        self.assertAlmostEqual(TARGETS["gfx942"].bytes_asked(), 5.3e12 * 800e-9 / 304)


def listing(text):
    """Instructions as loop_loads has them, four bytes each; `@7` is a branch to the seventh."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    return [(words[0], " ".join(words[1:]), 4 * i, 4 * int(words[1][1:]) if words[1:] and words[1][0] == "@" else None)
            for i, words in enumerate(lines)]


class Loop(unittest.TestCase):
    TEXT = """
        global_load_dwordx4
        s_cbranch_scc1 @0
        global_load_dword
        s_waitcnt vmcnt(0)
        global_load_dwordx4
        global_load_dwordx2
        v_mfma_f32_16x16x16_f16
        s_waitcnt lgkmcnt(0)
        s_waitcnt vmcnt(1)
        v_mfma_f32_16x16x16_f16
        s_cbranch_scc1 @2
        s_cbranch_scc1 @0
        """

    def test_the_smallest_loop_with_the_products(self):
        self.assertEqual(loop_loads.token_loop(listing(self.TEXT)), listing(self.TEXT)[2:11])
        with self.assertRaises(ValueError):
            loop_loads.token_loop(listing(self.TEXT)[:10])

    def test_what_is_in_flight(self):
        self.assertEqual(loop_loads.in_flight(listing(self.TEXT), 64), (64 * (16 + 8) + 64 * 8) / 2)
        # the loads of the iteration before, when nothing waits for them
        unawaited = listing(self.TEXT.replace("s_waitcnt vmcnt(0)", "s_nop"))
        self.assertEqual(loop_loads.in_flight(unawaited, 64), (64 * (8 + 16 + 8) + 64 * 8) / 2)

    def test_waits(self):
        for wait, left in (("s_waitcnt vmcnt(5) lgkmcnt(0)", 5), ("s_waitcnt lgkmcnt(0)", None), ("s_nop 0", None),
                           ("s_wait_loadcnt 0x7", 7), ("s_wait_loadcnt_dscnt 0x302", 3), ("s_wait_dscnt 0x0", None)):
            mnemonic, _, operands = wait.partition(" ")
            self.assertEqual(loop_loads.allowed(mnemonic, operands), left, wait)

    def test_disassembly(self):
        line = "\ts_cbranch_vccz 64573                                       // 000000078F24: BF86FC3D <name+0x10c>"
        self.assertEqual(loop_loads.INSTRUCTION.fullmatch(line).groups(),
                         ("s_cbranch_vccz", "64573", "000000078F24", "10c"))
        line = "\tv_mfma_f32_16x16x16_f16 a[0:3], v[4:5], v[6:7], 0 // 000000001F24: D3CD0000 02020D04"
        self.assertEqual(loop_loads.INSTRUCTION.fullmatch(line)[1], "v_mfma_f32_16x16x16_f16")


class Statistics(unittest.TestCase):
    HEAD = ("amdgcn-sim: kernel: 1 launches, 3 workgroups, 0.012 M wave instructions, translate 1.00 s, "
            "run 0.1 s (1.0 M/s)\n")

    def test_counts(self):
        counts = figures.read_statistics(self.HEAD + "          7000 v_add_f32_e32\n          5000 s_nop\n")
        self.assertEqual(counts, {"kernel": {"v_add_f32_e32": 7000, "s_nop": 5000}})

    def test_other_text_is_an_error(self):
        for text in ("", "7 v_add_f32_e32\n", self.HEAD + "  seven v_add\n",
                     self.HEAD + "          7000 v_add_f32_e32\n"):
            with self.assertRaises(ValueError, msg=text):
                figures.read_statistics(text)

    def test_difference(self):
        short = {"plan": {"s_nop": 5}, "decode": {"s_nop": 5, "s_add_u32": 1}}
        self.assertEqual(figures.loop_counts(short, {"plan": {"s_nop": 5}, "decode": {"s_nop": 9, "s_add_u32": 1}}),
                         ("decode", {"s_nop": 4}))
        for long in (short, {"plan": {"s_nop": 6}, "decode": {"s_nop": 9}},
                     {"plan": {"s_nop": 5}, "decode": {"s_nop": 6}}):
            with self.assertRaises(ValueError):
                figures.loop_counts(short, long)


class Record(unittest.TestCase):
    def test_worse_and_better(self):
        self.assertFalse(figures.worse("bytes_per_instruction", 32, 31))
        self.assertTrue(figures.worse("bytes_per_instruction", 32, 30))
        self.assertFalse(figures.worse("vgprs", 128, 134))
        self.assertTrue(figures.worse("vgprs", 128, 135))
        self.assertTrue(figures.worse("barrier", 0, 0.001))
        self.assertFalse(figures.worse("serial", 1, 2))

    def test_regressions_name_the_figure(self):
        recorded = figures.read_record()["gfx942"]
        case = "fp8, page size 16, group size 8"
        changed = dict(recorded[case], vector=recorded[case]["vector"] * 1.06)
        self.assertEqual(figures.regressions({"gfx942": recorded}, {"gfx942": {case: recorded[case]}}), [])
        found, = figures.regressions({"gfx942": recorded}, {"gfx942": {case: changed}})
        self.assertRegex(found, r"^gfx942, fp8, page size 16, group size 8: vector was [\d.]+, is [\d.]+$")
        self.assertEqual(len(figures.regressions({}, {"gfx942": {case: changed}})), 1)

    def test_bounds_name_the_figure(self):
        recorded = figures.read_record()
        self.assertEqual(figures.broken_bounds(recorded), [])
        for arch, case, figure, bad in (("gfx1100", "fp16, page size 1, group size 1", "scratch_bytes", 12),
                                        ("gfx942", "fp8, page size 16, group size 8", "bytes_per_instruction", 31.9),
                                        ("gfx950", "bf16, page size 1, group size 8", "vgprs", 129)):
            found, = figures.broken_bounds({arch: {case: dict(recorded[arch][case], **{figure: bad})}})
            self.assertRegex(found, rf"^{arch}, {case}: {figure} is {bad}, not \d+ to (\d+|inf)$")

    def test_all_cases_are_recorded(self):
        cases = {figures.name_of((kv, page, group)) for kv in figures.TYPES for page in figures.PAGE_SIZES
                 for group in figures.GROUP_SIZES}
        recorded = figures.read_record()
        self.assertEqual(list(recorded), list(issue_model.TARGETS))
        for arch in recorded:
            self.assertEqual(set(recorded[arch]), cases)

    def test_the_document_holds_the_record(self):
        with open(figures.DOCUMENT, encoding="utf-8") as file:
            shown = file.read().partition(figures.BEGIN)[2].partition(figures.END)[0]
        self.assertEqual(shown, figures.printed(figures.read_record()))


if __name__ == "__main__":
    unittest.main()
