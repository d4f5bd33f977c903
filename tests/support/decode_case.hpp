#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <ostream>
#include <paragon/decode/decode.hpp>
#include <string>
#include <support/compare.hpp>
#include <support/devices.hpp>
#include <support/problem.hpp>
#include <support/readable_format.hpp>

/// One decode call on a random problem, on every device, against float64.
namespace paragon_test {

template <class Config>
using problem_of =
    problem<typename Config::query, typename Config::kv, typename Config::layout, typename Config::descale>;

/// A part of a variant with the problem's values. A transform's F carries its own float64 twin:
/// `static double exact(double, const reference::logit_position&)`.
template <class Part, class Problem> Part make_part(const Problem& inputs) {
  if constexpr (std::is_same_v<Part, soft_cap>)
    return {inputs.sizes.soft_cap};
  else if constexpr (std::is_same_v<Part, alibi>)
    return {inputs.slopes(true)};
  else if constexpr (std::is_same_v<Part, sliding_window>)
    return {inputs.sizes.window};
  else if constexpr (std::is_same_v<Part, attention_sinks>)
    return {inputs.sinks(true)};
  else
    return {};
}
template <class Part, class Problem> void describe_part(const Problem& inputs, reference::variant& with) {
  if constexpr (std::is_same_v<Part, soft_cap>)
    with.soft_cap = inputs.sizes.soft_cap;
  else if constexpr (std::is_same_v<Part, alibi>)
    with.alibi_slopes = inputs.slopes(false);
  else if constexpr (std::is_same_v<Part, sliding_window>)
    with.window = inputs.sizes.window;
  else if constexpr (std::is_same_v<Part, attention_sinks>)
    with.sinks = inputs.sinks(false);
  else
    with.transform = [](double x, const reference::logit_position& at) { return decltype(Part::f)::exact(x, at); };
}

/// Both forms of a variant whose parts stand in the reference's order.
template <class Variant> struct variant_of;
template <class... Parts> struct variant_of<variant<Parts...>> {
  template <class Problem> static variant<Parts...> device(const Problem& inputs) {
    return {make_part<Parts>(inputs)...};
  }
  template <class Problem> static reference::variant exact(const Problem& inputs) {
    reference::variant with;
    (describe_part<Parts>(inputs, with), ...);
    return with;
  }
};

inline void require_ok(const status& result) { REQUIRE_MESSAGE(result.ok(), std::string{result.message()}); }

/// Outputs and workspace of one call.
template <class Config> class decode_call {
 public:
  using decode = paragon::decode<Config>;
  using out_type = typename Config::out;

  guarded_output<out_type> out;
  guarded_output<float> lse;
  typename decode::arguments arguments;

  decode_call(const problem_of<Config>& inputs, float out_scale)
      : out{inputs.query_rows(), inputs.query_heads(), Config::value_dim, inputs.sizes.padded},
        lse{inputs.query_rows(), inputs.query_heads(), 1, inputs.sizes.padded},
        arguments{.query = inputs.query(true),
                  .kv = inputs.kv(true),
                  .requests = inputs.tables(true),
                  .queries = inputs.queries(true),
                  .out = out_view(out_scale),
                  .lse = lse_base2{lse.device().data, lse.token_stride(), lse.head_stride()},
                  .softmax_scale = inputs.softmax_scale,
                  .variant = variant_of<typename Config::variant_type>::device(inputs)} {}

  /// Base-2 LSE by default.
  void want_natural_lse() { arguments.lse = lse_natural{lse.device().data, lse.token_stride(), lse.head_stride()}; }
  void want_no_lse() { arguments.lse = {}; }

  void run() {
    prepare();
    require_ok(decode::run(arguments, space(), platform::stream{}));
    fetch();
  }
  void run_planned() {
    prepare();
    require_ok(decode::plan(arguments, space(), platform::stream{}));
    for (int layer = 0; layer < 2; ++layer) {
      out.poison_again();
      lse.poison_again();
      require_ok(decode::run_planned(arguments, space(), platform::stream{}));
    }
    fetch();
  }
  void check(const reference::result& expected, double out_scale) {
    check_output<typename Config::query>(out, expected, out_scale);
    if (arguments.lse.data == nullptr) return;
    const double unit = arguments.lse.unit == 1.0f ? std::numbers::ln2 : 1.0;
    check_lse<typename Config::query>(lse, expected, unit);
  }

  workspace space() { return {workspace_.data(), workspace_.size()}; }

  /// Allocates the workspace, exactly as large as it must be.
  void prepare() {
    std::size_t bytes = 0;
    require_ok(decode::workspace_size(arguments, bytes));
    workspace_ = device_buffer<std::byte>{bytes};
  }
  void fetch() {
    out.fetch();
    lse.fetch();
  }

 private:
  auto out_view(float scale) {
    if constexpr (fp8_element<out_type>)
      return scaled_heads_view<out_type>{out.device(), scale};
    else
      return (void)scale, out.device();
  }
  device_buffer<std::byte> workspace_{std::size_t{0}};
};

inline std::ostream& operator<<(std::ostream& to, const problem_sizes& s) {
  to << "head dim " << s.head_dim << ", value dim " << s.value_dim << ", " << s.kv_heads << " KV heads of group "
     << s.group << ", page size " << s.page_size << (s.padded ? ", padded" : "") << ", window " << s.window
     << ", lengths";
  for (const int n : s.lengths) to << ' ' << n;
  to << ", query tokens " << s.per_request << ':';
  for (const int n : s.query_counts) to << ' ' << n;
  return to;
}

/// Scale of an fp8 output that makes the largest elements saturate; 1 for other types.
template <class Out> float output_scale(const reference::result& expected) {
  if constexpr (fp8_element<Out>) {
    double largest = 0.01;
    for (const double x : expected.out) largest = std::fmax(largest, std::abs(x));
    return 0.7f * static_cast<float>(largest) / max_finite<Out>;
  } else {
    return (void)expected, 1.0f;
  }
}

namespace detail {
template <class Config, class Choose> void check_decode(const Choose& choose, int compute_units) {
  const std::uint32_t seed = fresh_seed();
  std::mt19937 random{seed};
  problem_sizes sizes = choose(random);
  sizes.head_dim = Config::head_dim;
  sizes.value_dim = Config::value_dim;
  if (!Config::variant_type::template has<sliding_window>) sizes.window = 0;
  INFO("PARAGON_SEED=" << seed << ": " << sizes);
  const problem_of<Config> inputs{sizes, random};
  const reference::result expected =
      reference::attention(inputs.query(false), inputs.kv(false), inputs.tables(false), inputs.queries(false),
                           inputs.softmax_scale, variant_of<typename Config::variant_type>::exact(inputs));
  const float out_scale = output_scale<typename Config::out>(expected);
  on_every_device(random, compute_units, [&] {
    decode_call<Config> call{inputs, out_scale};
    const auto choice = random() % 8;
    if (choice % 4 == 0) call.want_no_lse();
    if (choice % 2 == 1) call.want_natural_lse();
    choice < 4 ? call.run() : call.run_planned();
    call.check(expected, out_scale);
  });
}
}  // namespace detail

/// A random problem decoded on every device, in an fp8 format that it reads, and compared with float64.
/// `choose(std::mt19937&)` gives its sizes; dims are the configuration's. The way in (`run`, or `plan` and
/// `run_planned`) and the LSE's base change from call to call.
template <class Config, class Choose>
requires std::is_invocable_r_v<problem_sizes, Choose, std::mt19937&>
void check_decode(const Choose& choose, int compute_units = 0) {
  in_readable_format<Config>(
      [&]<class Readable>(std::type_identity<Readable>) { detail::check_decode<Readable>(choose, compute_units); });
}
template <class Config> void check_decode(const problem_sizes& sizes, int compute_units = 0) {
  check_decode<Config>([&](std::mt19937&) { return sizes; }, compute_units);
}

}  // namespace paragon_test
