"""Vector instructions of their own kind, found by name: x_<mnemonic>."""

from asm import Opnd


class Special:
    def x_v_cndmask_b32(self, i, ops, dst_row):
        d, a, b = ops[:3]
        c = ops[3] if len(ops) > 3 else Opnd('vcc' if self.wave == 64 else 'vcc_lo')
        self.emit(f'cndmask(w, {dst_row or self.vdst(d)}, {self.src(a, "f")}, {self.src(b, "f")}, {self.mask(c)});')

    def x_v_cndmask_b16(self, i, ops, dst_row):
        d, a, b, c = ops[:4]
        s = i.bits('op_sel', 4)
        place = 2 if s[3] or d.half == 'h' else 1
        sources = self.src(a, 's', s[0]), self.src(b, 's', s[1])
        self.call('cndmask16', [place], self.vdst(d), *sources, self.mask(c))

    def carry(kind, cin):
        def f(self, i, ops, dst_row):
            if len(ops) < 4 + cin:
                ops = ops + [Opnd('vcc' if self.wave == 64 else 'vcc_lo')]
            c = self.mask(ops[4]) if cin else '0'
            args = f'{dst_row or self.vdst(ops[0])}, {self.src(ops[2], "u")}, {self.src(ops[3], "u")}, {c}'
            self.emit(self.set_mask(ops[1], f'addc<{kind}>(w, {args})'))

        return f

    x_v_add_co_u32, x_v_sub_co_u32, x_v_subrev_co_u32 = carry(0, 0), carry(1, 0), carry(2, 0)

    x_v_addc_co_u32, x_v_subb_co_u32, x_v_subbrev_co_u32 = carry(0, 1), carry(1, 1), carry(2, 1)

    x_v_add_co_ci_u32, x_v_sub_co_ci_u32, x_v_subrev_co_ci_u32 = carry(0, 1), carry(1, 1), carry(2, 1)

    def x_v_readfirstlane_b32(self, i, ops, dst_row):
        self.emit(self.set_s32(ops[0], f'{self.row(ops[1])}[first_lane(w)]'))

    def x_v_readlane_b32(self, i, ops, dst_row):
        self.emit(self.set_s32(ops[0], f'({self.row(ops[1])})[({self.s32(ops[2])}) & (W - 1)]'))

    def x_v_writelane_b32(self, i, ops, dst_row):
        self.emit(f'({self.vdst(ops[0])})[({self.s32(ops[2])}) & (W - 1)] = {self.s32(ops[1])};')

    def x_v_mbcnt_lo_u32_b32(self, i, ops, dst_row):
        self.emit(f'mbcnt<0>(w, {self.vdst(ops[0])}, {self.src(ops[1], "u")}, {self.src(ops[2], "u")});')

    def x_v_mbcnt_hi_u32_b32(self, i, ops, dst_row):
        self.emit(f'mbcnt<1>(w, {self.vdst(ops[0])}, {self.src(ops[1], "u")}, {self.src(ops[2], "u")});')

    def div(self, fn, ty, letter, i, ops):
        u, tag = ('u64', 'f64') if ty == 'double' else ('u32', 'f32')
        if fn == 'div_scale':
            es = ', '.join(self.src(o, letter) for o in ops[2:5])
            self.emit(
                self.set_mask(
                    ops[1], f'div_scale<{ty}, {u}, {tag}>(w, {self.vdst(ops[0], 2 if letter == "d" else 1)}, {es})'
                )
            )
        else:
            es = ', '.join(self.src(o, letter) for o in ops[1:4])
            self.emit(
                f'div_fmas<{ty}, {u}, {tag}>(w, {self.vdst(ops[0], 2 if letter == "d" else 1)}, {es}, {self.vcc()});'
            )

    def x_v_div_scale_f32(self, i, ops, r):
        self.div('div_scale', 'float', 'f', i, ops)

    def x_v_div_scale_f64(self, i, ops, r):
        self.div('div_scale', 'double', 'd', i, ops)

    def x_v_div_fmas_f32(self, i, ops, r):
        self.div('div_fmas', 'float', 'f', i, ops)

    def x_v_div_fmas_f64(self, i, ops, r):
        self.div('div_fmas', 'double', 'd', i, ops)

    def mad64(self, signed, ops):
        sources = self.src(ops[2], 'u'), self.src(ops[3], 'u'), self.src(ops[4], 'I' if signed == 'true' else 'U')
        self.emit(self.set_mask(ops[1], f'mad64<{signed}>(w, {self.vdst(ops[0], 2)}, {", ".join(sources)})'))

    def x_v_mad_u64_u32(self, i, ops, r):
        self.mad64('false', ops)

    def x_v_mad_i64_i32(self, i, ops, r):
        self.mad64('true', ops)

    x_v_mad_co_u64_u32, x_v_mad_co_i64_i32 = x_v_mad_u64_u32, x_v_mad_i64_i32

    def x_v_mad_nc_u64_u32(self, i, ops, r):
        self.mad64('false', [ops[0], Opnd('null')] + ops[1:])

    def x_v_swap_b32(self, i, ops, r):
        a, b = self.vdst(ops[0]), self.vdst(ops[1])
        self.emit(
            f'for (int l = 0; l < W; l++) if (w.em[l]) {{ u32 t = ({a})[l]; ({a})[l] = ({b})[l]; ({b})[l] = t; }}'
        )

    def x_v_permlane16_swap_b32(self, i, ops, r):
        self.emit(f'permlane_swap(w, {self.vdst(ops[0])}, {self.vdst(ops[1])}, 16);')

    def x_v_permlane32_swap_b32(self, i, ops, r):
        self.emit(f'permlane_swap(w, {self.vdst(ops[0])}, {self.vdst(ops[1])}, 32);')

    def permlane(self, x, i, ops):
        fetch_inactive, bound_ctrl = ('true' if bit else 'false' for bit in i.bits('op_sel', 2))
        select = f'u64({self.s32(ops[3])}) << 32 | {self.s32(ops[2])}'
        rows = f'{self.vdst(ops[0])}, {self.row(ops[1])}'
        self.emit(f'permlane16(w, {rows}, {select}, {x}, {fetch_inactive}, {bound_ctrl});')

    def x_v_permlane16_b32(self, i, ops, r):
        self.permlane('false', i, ops)

    def x_v_permlanex16_b32(self, i, ops, r):
        self.permlane('true', i, ops)

    def x_v_permlane64_b32(self, i, ops, r):
        self.emit(f'permlane64(w, {self.vdst(ops[0])}, {self.row(ops[1])});')

    def bitop3(self, m, letter, i, ops, r):
        t = int(i.mod('bitop3', '0'), 0)
        cast = 'u16' if letter == 's' else 'u32'
        self.lanewise(i, f'{m}_{t:x}', f'{letter}:{letter * 3}', f'{cast}(bitop3(a, b, c, 0x{t:x}))', ops, r)

    def x_v_bitop3_b32(self, i, ops, r):
        self.bitop3('v_bitop3_b32', 'u', i, ops, r)

    def x_v_bitop3_b16(self, i, ops, r):
        self.bitop3('v_bitop3_b16', 's', i, ops, r)
