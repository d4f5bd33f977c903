// Data between lanes: DPP, permutations, reads of single lanes.
#include "harness.hpp"

namespace {
struct Lanes {
  const int W = int(amdgcn_sim_find_kernel(mod, "dpp_all")->wave_size);
  Vec<int> x = Vec<int>(64), o = Vec<int>(64 * 40, 12345);
  bool ok;
  int k = 0;  // the result at hand

  explicit Lanes(const char* kernel) {
    for (auto& v : x) v = int(rng() % 1000);
    ok = launch(kernel, {1}, {64}, args(x.data(), o.data()));
  }

  void check(const char* n, auto expected) {
    int wrong = -1;
    for (int l = 63; l >= 0; l--)
      if (o[64 * k + l] != expected(l)) wrong = l;
    k++;
    report(std::string("lanes: ") + n, ok && wrong < 0, "lane " + std::to_string(wrong));
  }
};

int row(int l) { return l & ~15; }

void dpp() {
  Lanes lanes("dpp_all");
  const Vec<int>& x = lanes.x;
  const int W = lanes.W;
  lanes.check("quad_perm", [&](int l) { return x[(l & ~3) + 3 - (l & 3)]; });
  lanes.check("row_shl:1", [&](int l) { return l % 16 < 15 ? x[l + 1] : -1; });
  lanes.check("row_shl:15", [&](int l) { return l % 16 < 1 ? x[l + 15] : -1; });
  lanes.check("row_shr:1", [&](int l) { return l % 16 ? x[l - 1] : -1; });
  lanes.check("row_shr:8 bc", [&](int l) { return l % 16 >= 8 ? x[l - 8] : 0; });
  lanes.check("row_ror:1", [&](int l) { return x[row(l) + (l + 15) % 16]; });
  lanes.check("row_mirror", [&](int l) { return x[row(l) + 15 - l % 16]; });
  lanes.check("row_half_mirror", [&](int l) { return x[(l & ~7) + 7 - l % 8]; });
  lanes.check("row_share:3", [&](int l) { return x[row(l) + 3]; });
  lanes.check("row_shr:1 masks",
              [&](int l) { return (5 >> (l % W / 16) & 1) && (3 >> (l % 16 / 4) & 1) && l % 16 ? x[l - 1] : -1; });
  if (W == 64) {
    lanes.check("wave_shl", [&](int l) { return l < 63 ? x[l + 1] : -1; });
    lanes.check("wave_rol", [&](int l) { return x[(l + 1) % 64]; });
    lanes.check("wave_shr", [&](int l) { return l ? x[l - 1] : -1; });
    lanes.check("wave_ror", [&](int l) { return x[(l + 63) % 64]; });
    lanes.check("row_bcast15", [&](int l) { return (l / 16) & 1 ? x[row(l) - 1] : -1; });
    lanes.check("row_bcast31", [&](int l) { return l >= 32 ? x[31] : -1; });
  } else {
    lanes.check("row_xmask:5", [&](int l) { return x[l ^ 5]; });
    lanes.check("dpp8", [&](int l) { return x[(l & ~7) + ((0x8d2b7a >> (3 * (l & 7))) & 7)]; });
    lanes.check("permlanex16", [&](int l) { return x[(row(l) ^ 16) + (l & 15)]; });
  }
  lanes.check("inactive source", [&](int l) { return l & 1 ? -7 : x[l]; });
  lanes.check("row scan", [&](int l) {
    int s = 0;
    for (int i = row(l); i <= l; i++) s += x[i];
    return s;
  });
}

void across() {
  Lanes lanes("crosslane");
  const Vec<int>& x = lanes.x;
  const int W = lanes.W;
  auto base = [&](int l) { return l & ~(W - 1); };
  lanes.check("ds_bpermute", [&](int l) { return x[l ^ 5]; });
  lanes.check("ds_permute", [&](int l) { return x[l ^ 5]; });
  lanes.check("ds_swizzle xor", [&](int l) { return x[l ^ 1]; });
  lanes.check("ds_swizzle quad", [&](int l) { return x[(l & ~3) + 3 - (l & 3)]; });
  lanes.check("ds_swizzle rotate", [&](int l) { return x[(l & ~31) + ((l + 1) & 31)]; });
  lanes.check("readlane", [&](int l) { return x[base(l) + 7]; });
  lanes.check("readfirstlane", [&](int l) { return x[base(l)] + 1; });
  lanes.check("readfirstlane masked", [&](int l) { return l < 5 ? 0 : x[base(l) + (base(l) ? 0 : 5)]; });
  lanes.check("ballot", [&](int l) {
    int c = 0;
    for (int i = 0; i < W; i++) c += x[base(l) + i] & 1;
    return c;
  });
  lanes.check("mbcnt", [&](int l) { return l % W; });
  if (arch == "gfx950") {
    auto sw = [&](int h, int which, int l) {
      bool odd = l & h;
      return which == 0 ? (odd ? x[l - h] + 1000 : x[l]) : (odd ? x[l] + 1000 : x[l + h]);
    };
    lanes.check("permlane16_swap a", [&](int l) { return sw(16, 0, l); });
    lanes.check("permlane16_swap b", [&](int l) { return sw(16, 1, l); });
    lanes.check("permlane32_swap a", [&](int l) { return sw(32, 0, l); });
    lanes.check("permlane32_swap b", [&](int l) { return sw(32, 1, l); });
  }
}
}  // namespace

void test_lanes() {
  dpp();
  across();
}
