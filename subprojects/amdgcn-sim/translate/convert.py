"""Conversions of small floats, and fused operations on operands of mixed precision."""

import re

from asm import Unsupported


class Conversions:
    # mixed-precision fma: each source is f32, or a half of a register taken as f16
    def mix(self, i, m, ops, dst_row):
        sel, hi = i.bits('op_sel', 3), i.bits('op_sel_hi', 3)
        args = ''.join('h' if hi[k] else 'f' for k in range(3))
        res = 'f' if m.endswith('_f32') else 'h'
        nl, nh = i.bits('neg_lo', 3), i.bits('neg_hi', 3)  # printed as operand signs by some versions
        es = []
        for k, (o, c) in enumerate(zip(ops[1:], args)):
            o.neg ^= bool(nl[k])
            o.abs |= bool(nh[k])
            es.append(self.src(o, c, sel[k] if c == 'h' else 0))
        dm = 2 if m.endswith('hi') or m.endswith('hi_f16') else 1
        om = self.omod(i)
        e = 'std::fma(a, b, c)'
        operation = self.op(f'{m}_{args}', f'{res}:{args}', e)
        self.call('valu', [operation, om, 0 if res == 'f' else dm], self.vdst(ops[0]), *es)

    # Conversions from and to 8-bit floats. To: `c` of the operation is whether overflow saturates.
    BYTES = {'BYTE_0': 0, 'BYTE_1': 1, 'BYTE_2': 2, 'BYTE_3': 3, 'WORD_0': 0, 'WORD_1': 2, 'DWORD': 0}

    def cvt8(self, i, m, ops, dst_row):
        k = 'fp8' if 'fp8' in m else 'bf8'
        if m in (f'v_cvt_f32_{k}', f'v_cvt_pk_f32_{k}'):
            return self.from8(i, m, ops, k)
        if m == f'v_cvt_pk_{k}_f32':
            saturate = 'S{1}' if i.mod('clamp') else 'S{w.mode >> 23 & 1}'  # MODE.FP16_OVFL
            place = 2 if i.bits('op_sel', 3)[2] or ops[0].half == 'h' else 1
            operation = self.op(m, 's:ffu', f'u16({k}_enc(a, c) | {k}_enc(b, c) << 8)')
            sources = self.src(ops[1], 'f'), self.src(ops[2], 'f'), saturate
            return self.call('valu', [operation, 0, place], self.vdst(ops[0]), *sources)
        if m == f'v_cvt_sr_{k}_f32':
            s = i.bits('op_sel', 4)
            byte = int(i.mod('byte_sel')) if i.mod('byte_sel') else s[2] + 2 * s[3]
            expr = f'(c & ~(255u << {8 * byte})) | {k}_enc_sr(a, b) << {8 * byte}'
            sources = self.src(ops[1], 'f'), self.src(ops[2], 'u'), self.src(self.plain(ops[0]), 'u')
            return self.call('valu', [self.op(f'{m}_{byte}', 'u:fuu', expr)], self.vdst(ops[0]), *sources)
        raise Unsupported(m)

    def from8(self, i, m, ops, k):
        """One of the four bytes, or both bytes of a half; chosen by SDWA, byte_sel, op_sel or the register's name."""
        packed, bits, sdwa = '_pk_' in m, i.bits('op_sel', 2), i.mod('src0_sel')
        if sdwa:
            byte = self.BYTES[sdwa]
        elif packed:
            byte = 2 * bits[0]
        else:
            byte = int(i.mod('byte_sel')) if i.mod('byte_sel') is not None else 2 * bits[0] + bits[1]
        shift = 8 * byte + (16 if ops[1].half == 'h' else 0)
        source = self.plain(ops[1])
        source.half = None
        value = f'{k}_dec(a >> {shift})'
        if not packed:
            operation = self.op(f'{m}_{shift}', 'f:u', value)
            return self.call('valu', [operation, self.omod(i)], self.vdst(ops[0]), self.src(source, 'u'))
        both = f'u64(bits<u32>({k}_dec(a >> {shift + 8}))) << 32 | bits<u32>({value})'
        return self.call('valu', [self.op(f'{m}_{shift}', 'U:u', both)], self.vdst(ops[0], 2), self.src(source, 'u'))

    # gfx950: conversions with a power-of-two scale (the scale operand is an f32 of which only the exponent counts)
    SCALED = [
        (re.compile(r'^v_cvt_scalef32_pk_(f32|f16|bf16)_(fp8|bf8|fp4)$'), 'scaled_pair'),
        (re.compile(r'^v_cvt_scalef32_f32_(fp8|bf8)$'), 'scaled_single'),
        (re.compile(r'^v_cvt_scalef32_pk_(fp8|bf8)_f32$'), 'scaled_pack'),
        (re.compile(r'^v_cvt_scalef32_pk_(fp8|bf8)_(f16|bf16)$'), 'scaled_pack_half'),
    ]

    def scalef32(self, i, m, ops, dst_row):
        for pattern, method in self.SCALED:
            form = pattern.match(m)
            if form:
                return getattr(self, method)(m, ops, i.bits('op_sel', 4), *form.groups())
        raise Unsupported(m)

    @staticmethod
    def scale(operand):
        return f'std::ldexp(1.f, int(bits<u32>({operand}) >> 23 & 255) - 127)'

    def scaled_pair(self, m, ops, sel, to, k):
        width = 4 if k == 'fp4' else 8
        shift = 16 * sel[0] if width == 8 else 8 * (sel[0] + 2 * sel[1])
        low, high = (f'{k}_dec(a >> {at}) * {self.scale("b")}' for at in (shift, shift + width))
        if to == 'f32':
            sig, expr = 'U:uf', f'u64(bits<u32>({high})) << 32 | bits<u32>({low})'
        else:
            encode = 'f2h' if to == 'f16' else 'f2b'
            sig, expr = 'u:uf', f'{encode}({low}) | {encode}({high}) << 16'
        sources = self.src(ops[1], 'u'), self.src(ops[2], 'f')
        self.call('valu', [self.op(f'{m}_{shift}', sig, expr)], self.vdst(ops[0], 2 if to == 'f32' else 1), *sources)

    def scaled_single(self, m, ops, sel, k):
        shift = 8 * (2 * sel[0] + sel[1])
        operation = self.op(f'{m}_{shift}', 'f:uf', f'{k}_dec(a >> {shift}) * {self.scale("b")}')
        self.call('valu', [operation], self.vdst(ops[0]), self.src(ops[1], 'u'), self.src(ops[2], 'f'))

    def scaled_pack(self, m, ops, sel, k):
        inverse = f'(1.f / {self.scale("c")})'
        operation = self.op(m, 's:fff', f'u16({k}_enc(a * {inverse}) | {k}_enc(b * {inverse}) << 8)')
        self.call('valu', [operation, 0, 2 if sel[3] else 1], self.vdst(ops[0]), *(self.src(o, 'f') for o in ops[1:4]))

    def scaled_pack_half(self, m, ops, sel, k, of):
        inverse, decode = f'(1.f / {self.scale("b")})', 'h2f' if of == 'f16' else 'b2f'
        low, high = (f'{k}_enc({decode}({half}) * {inverse})' for half in ('a & 0xffff', 'a >> 16'))
        operation, place = self.op(m, 's:uf', f'u16({low} | {high} << 8)'), 2 if sel[2] or sel[3] else 1
        self.call('valu', [operation, 0, place], self.vdst(ops[0]), self.src(ops[1], 'u'), self.src(ops[2], 'f'))

    def x_v_dot2_f32_f16(self, i, ops, dst_row):
        low, high = i.bits('op_sel', 2), i.bits('op_sel_hi', 2, 1)
        neg_low, neg_high = i.bits('neg_lo', 3), i.bits('neg_hi', 3)
        halves = [
            self.src(self.sign(self.plain(ops[1 + k]), neg[k]), 'h', sel[k])
            for sel, neg in ((low, neg_low), (high, neg_high))
            for k in (0, 1)
        ]
        addend = self.src(self.sign(ops[3], neg_low[2]), 'f')
        operation = self.op('v_dot2_f32_f16', 'f:hhhhf', 'std::fma(c, d, std::fma(a, b, e))')
        self.call('valu', [operation, self.omod(i)], self.vdst(ops[0]), *halves, addend)
