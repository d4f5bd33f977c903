"""Matrix instructions: MFMA and WMMA."""

import re

from asm import Unsupported


class Matrix:
    FORMATS = {'f32': 'F32', 'f16': 'F16', 'bf16': 'BF16', 'fp8': 'FP8', 'bf8': 'BF8', 'i8': 'I8', 'xf32': 'XF32'}
    SCALED_FORMATS = ('FP8', 'BF8', 'FP6', 'BF6', 'FP4')  # by the numbers that CBSZ and BLGP hold for A and B
    OUTPUTS = {'f32': 'F32', 'f16': 'F16', 'bf16': 'BF16', 'i32': 'I8'}

    def acc(self, o, kind):
        return f'Acc{{{self.row(o)}, 0}}' if o.kind == 'v' else f'Acc{{nullptr, {self.s32(o, kind)}}}'

    def formats(self, text):
        """The formats of A and B from the end of a mnemonic: one for both, or two."""
        both = [self.FORMATS.get(name) for name in text.split('_')]
        return both if len(both) == 2 else both * 2

    def mfma(self, i, m, ops, dst_row):
        form = re.match(r'^v_mfma_(?:scale_)?(f32|i32|f64)_(\d+)x(\d+)x(\d+)_?(?:(\d+)b_)?(\w+?)(_1k)?$', m)
        if not form:
            raise Unsupported(m)
        result, size, k, formats = form[1], int(form[2]), int(form[4]), form[6]
        if formats == 'f64':
            return self.mfma_f64(i, size, ops)
        cbsz, abid, blgp = (int(i.mod(name, '0'), 0) for name in ('cbsz', 'abid', 'blgp'))
        d, a, b, c = ops[:4]
        scales = []
        if formats == 'f8f6f4':
            fa, fb = self.SCALED_FORMATS[cbsz], self.SCALED_FORMATS[blgp]
            cbsz = blgp = abid = 0
            if 'scale' in m:
                scales = self.scales(i, ops[4:6])
        else:
            fa, fb = self.formats(formats)
        if fa is None or fb is None:
            raise Unsupported(m)
        blocks = (64 * d.n) // (size * size)  # from the number of registers of the result
        template = [size, k, blocks, fa, fb, 'float' if result == 'f32' else 'i32']
        addend = self.acc(c, 'f' if result == 'f32' else 'u')
        self.vdst(d, d.n)
        return self.call('mfma', template, self.row(d), self.row(a), self.row(b), addend, cbsz, abid, blgp, *scales)

    def mfma_f64(self, i, size, ops):
        d, a, b, c = ops[:4]
        if not self.gfx9:
            raise Unsupported(i.mnem)
        neg = i.bits('neg', 3)
        signs = neg[0] | neg[1] << 1 | neg[2] << 2 | int(i.mod('blgp', '0'), 0)
        addend = [self.row(c), '0'] if c.kind == 'v' else ['nullptr', f'bits<double>(u64({self.s64(c, "d")}))']
        self.call('mfma_f64', [size], self.vdst(d, 8 if size == 16 else 2), self.row(a), self.row(b), *addend, signs)

    def scales(self, i, ops):
        """Rows with the exponents of A and of B, and which byte of them counts."""
        low, high = i.bits('op_sel', 2), i.bits('op_sel_hi', 2)
        rows = []
        for t, o in enumerate(ops):
            if o.kind != 'v':
                self.emit(f'for (u32& x : w.tmp[{t}]) x = {self.s32(o)};')
            rows.append(self.row(o) if o.kind == 'v' else f'w.tmp[{t}]')
        return [*rows, low[0] + 2 * high[0], low[1] + 2 * high[1]]

    def wmma(self, i, m, ops, dst_row):
        form = re.match(r'^v_wmma_(f32|f16|bf16|i32)_16x16x(\d+)_(\w+)$', m)
        if not form or self.wave != 32:
            raise Unsupported(m)
        result, k, formats = form[1], int(form[2]), form[3]
        low, high = i.bits('neg_lo', 3), i.bits('neg_hi', 3)
        neg = 0
        if formats in ('iu8', 'iu4'):  # the sign bits say which operands are signed
            fa, fb = (('I' if signed else 'U') + formats[2] for signed in low[:2])
        else:
            fa, fb = self.formats(formats)
            neg = low[0] | low[1] << 1 | low[2] << 2
            if low != high:
                raise Unsupported(i.text)
        if fa is None or fb is None or i.mod('clamp'):
            raise Unsupported(i.text)
        template = [12 if self.gfx12 else 11, k, fa, fb, self.OUTPUTS[result], 'i32' if result == 'i32' else 'float']
        d, a, b, c = ops[:4]
        self.vdst(d, d.n)
        rows = self.row(d), self.row(a), self.row(b)
        self.call('wmma', template, *rows, self.acc(c, 'f'), neg, i.bits('op_sel', 3)[2])
