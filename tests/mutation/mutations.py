"""The small wrong changes that `run.py` makes to the library, one at a time, and the tests that must notice.

`old` occurs exactly once in `file` and is replaced by `new`. `test` is the name of a test program in tests/meson.build;
`cases` picks those of its test cases that are meant (doctest's pattern; empty: all); no time goes into the rest.
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    name: str
    wrong: str  # what is wrong then, in a sentence
    file: str  # below include/paragon
    old: str
    new: str
    test: str
    cases: str = ""
    processor: str = "gfx942"


MUTATIONS = [
    # Lane maps. The host's model of an atom reads the same map, so only AMD code shows that it is the hardware's.
    Mutation(
        "cdna-lane-map",
        "The sums of a CDNA lane are taken for those of the next row.",
        "mma/cdna.hpp",
        "sum_index(int lane, int r) { return 4 * (lane / 16) + r; }",
        "sum_index(int lane, int r) { return (4 * (lane / 16) + r + 1) % 16; }",
        "decode/lengths",
    ),
    Mutation(
        "cdna-value-order",
        "V is loaded in another order of tokens than the probabilities have.",
        "mma/cdna.hpp",
        "token(int lane, int e) { return 4 * (lane / 16) + e; }",
        "token(int lane, int e) { return 4 * (lane / 16) + (e ^ 1); }",
        "decode/lengths",
    ),
    Mutation(
        "rdna3-lane-map",
        "The sums of RDNA 3 are taken to lie as those of RDNA 4.",
        "mma/rdna3.hpp",
        "sum_index(int lane, int r) { return 2 * r + lane / 16; }",
        "sum_index(int lane, int r) { return 8 * (lane / 16) + r; }",
        "decode/kv_types",
        "query and KV types<*fp16? paragon::fp16*",
        "gfx1100",
    ),
    Mutation(
        "rdna4-lane-map",
        "The sums of RDNA 4 are taken to lie as those of RDNA 3.",
        "mma/rdna4.hpp",
        "sum_index(int lane, int r) { return 8 * (lane / 16) + r; }",
        "sum_index(int lane, int r) { return 2 * r + lane / 16; }",
        "decode/kv_types",
        "query and KV types<*fp16? paragon::fp16*",
        "gfx1201",
    ),
    # fp8 that is multiplied as it is.
    Mutation(
        "fp8-token-order",
        "The tokens of a probability operand are taken to alternate between the two score tiles it is made of.",
        "mma/cdna.hpp",
        "token(int lane, int e) { return 16 * (e / 4) + 4 * (lane / 16) + e % 4; }",
        "token(int lane, int e) { return 16 * (e % 2) + 4 * (lane / 16) + e / 2; }",
        "decode/kv_types",
        "query and KV types<*bf16? paragon::fp8_e4m3fnuz*",
    ),
    Mutation(
        "last-term-lost",
        "The last terms of queries and probabilities count for nothing.",
        "mma/split.hpp",
        "return mine < Lanes::terms ? result : 0.0f;",
        "return mine < Lanes::terms - 1 ? result : 0.0f;",
        "decode/kv_types",
        "query and KV types<*bf16? paragon::fp8_e4m3fnuz*",
    ),
    Mutation(
        "third-term-lost",
        "Where fp16 queries are three terms, the third is the first again.",
        "mma/split.hpp",
        "for (int term = 0; term < Lanes::terms; ++term) {",
        "for (int term = 0; term < 2; ++term) {",
        "decode/accuracy",
        "query rows whose elements span*",
    ),
    Mutation(
        "terms-summed-in-one-instruction",
        "The compiler may sum up a number's terms as part of a fused multiply-add, differently in their lanes.",
        "mma/split.hpp",
        "platform::add_products(x, wave::template shuffle_xor<Distance>(x))",
        "x + wave::template shuffle_xor<Distance>(x)",
        "mma/fp8_terms",
        "the lanes of a number's terms*",
    ),
    Mutation(
        "sum-of-exact-probabilities",
        "Outputs are divided by the sum of the probabilities, not of the two terms that were multiplied.",
        "decode/epilogue.hpp",
        "sums[softmax_type::sums_products ? 1 : 0]",
        "sums[0]",
        "decode/accuracy",
        "the same probability for all tokens*",
    ),
    # How waves and workgroups work together.
    Mutation(
        "missing-barrier",
        "A wave reads another's state from shared memory without a barrier after it was written.",
        "decode/combine.hpp",
        "      platform::barrier();\n      if (mine && role.token < half) state.merge(",
        "      if (mine && role.token < half) state.merge(",
        "decode/lengths",
    ),
    Mutation(
        "lost-partial-state",
        "The first of the workgroups that share an item is left out of the sum.",
        "decode/combine.hpp",
        "int member = n.begin + role_.token * n.step;",
        "int member = n.begin + (role_.token + 1) * n.step;",
        "decode/merge_split",
        "one giant among many small requests*",
    ),
    Mutation(
        "odd-part-twice",
        "Where partial states are merged two at a time, an odd one counts twice.",
        "decode/combine.hpp",
        "two ? 1.0f : 0.5f",
        "1.0f",
        "decode/merge_split",
        "one giant among many small requests*",
    ),
    Mutation(
        "merge-without-maximum",
        "A partial state is added as if its maximum were the larger one.",
        "decode/state.hpp",
        "factor[n][slot] = weight * platform::exp2(columns[n].value[2 * slot] - maximum[cb][slot]);",
        "factor[n][slot] = weight;",
        "decode/lengths",
    ),
    Mutation(
        "counter-not-reset",
        "The counters of a node are not zero again after a launch.",
        "decode/combine.hpp",
        "      of_node = {};\n",
        "",
        "decode/merge_split",
        "two runs give the same bits",
    ),
    Mutation(
        "state-not-awaited",
        "Who has the last ticket does not wait for what the others signal.",
        "platform/amd/memory.hpp",
        "  while (__hip_atomic_load(counter, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT) != signals)"
        " __builtin_amdgcn_s_sleep(1);\n",
        "",
        "platform/wave",
        "one workgroup has the last ticket*",
    ),
    Mutation(
        "share-one-tile-short",
        "Workgroups whose share is one tile longer leave that tile out.",
        "plan/split.hpp",
        "quotient(units * (workgroup + 1), workgroups)};",
        "quotient(units * (workgroup + 1) - 1, workgroups)};",
        "decode/lengths",
    ),
    # fp8 and its factors.
    Mutation(
        "fnuz-read-as-fn",
        "fp8_e4m3fnuz is converted with the exponent bias of fp8_e4m3fn.",
        "platform/amd/fp8.hpp",
        "return widen_in_hardware<Upper>(four);",
        "return widen_in_software<fp8_e4m3fn, Upper>(four);",
        "decode/matrix_fp16_fnuz",
    ),
    Mutation(
        "key-descale-dropped",
        "Scores are not multiplied with K's descale.",
        "decode/softmax.hpp",
        "    if constexpr (!by_token) factor *= item.arguments().descale.key_factor(item.kv_head);\n",
        "",
        "decode/matrix_bf16_fnuz",
    ),
    Mutation(
        "key-descale-for-values",
        "Outputs are multiplied with K's descale instead of V's.",
        "decode/epilogue.hpp",
        "descale.value_factor(item.kv_head)",
        "descale.key_factor(item.kv_head)",
        "decode/matrix_bf16_fnuz",
    ),
    # Which tokens a row sees.
    Mutation(
        "causal-mask-late",
        "A query token sees the token after its own position.",
        "decode/item.hpp",
        "const int end = query_position(query_token) + 1;",
        "const int end = query_position(query_token) + 2;",
        "decode/lengths",
    ),
    Mutation(
        "window-early",
        "A sliding window begins one token too early.",
        "decode/item.hpp",
        "return {end - a_.batch.window, end};",
        "return {end - a_.batch.window - 1, end};",
        "decode/matrix_bf16_fnuz",
    ),
    Mutation(
        "last-page-full",
        "kv_last_page_len is not read: the last page counts as full.",
        "plan/batch.hpp",
        "const std::int32_t last = page_size == 1 ? 1 : clamp(requests.kv_last_page_len[r], 1, page_size);",
        "const std::int32_t last = page_size;",
        "decode/lengths",
    ),
    Mutation(
        "sinks-left-out",
        "Attention sinks are not added to the denominator.",
        "decode/epilogue.hpp",
        "(divisor * rescale + sink)",
        "(divisor * rescale)",
        "decode/merge_split",
        "one giant among many small requests*",
    ),
    # Addresses.
    Mutation(
        "page-offset-32-bit",
        "The offset of a K page is cut to 32 bits.",
        "decode/item.hpp",
        "return scaled(inside(at.page), a_.keys.strides.page) +",
        "return static_cast<std::int32_t>(scaled(inside(at.page), a_.keys.strides.page)) +",
        "decode/far_pages",
    ),
    Mutation(
        "value-slot-stride",
        "V is addressed with the slot stride of K.",
        "decode/item.hpp",
        "scaled(at.slot, a_.values.strides.slot)",
        "scaled(at.slot, a_.keys.strides.slot)",
        "decode/lengths",
    ),
    # Beside decode.
    Mutation(
        "append-scale-inverted",
        "New tokens are multiplied with the descale instead of divided by it.",
        "cache/append.hpp",
        "for (float& x : run) x /= factor;",
        "for (float& x : run) x *= factor;",
        "cache/append",
        "fp8 saturates*",
    ),
    Mutation(
        "append-slot-late",
        "New tokens of a ragged table go one slot too far.",
        "cache/cache_slots.hpp",
        "length(r, shape.page_size) - (end - token);",
        "length(r, shape.page_size) - (end - token) + 1;",
        "cache/append",
        "requests with different numbers of new tokens*",
    ),
    Mutation(
        "merge-in-wrong-base",
        "merge_states takes natural logarithms for base-2 ones.",
        "merge/merge_states.hpp",
        "platform::exp2((lse - largest) * (1.0f / lse_view<Base2>::unit))",
        "platform::exp2(lse - largest)",
        "merge/merge_states",
        "attention over parts of the tokens*",
    ),
]
