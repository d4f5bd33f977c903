#include <doctest/doctest.h>

#include <cstring>
#include <paragon/dispatch/dispatch.hpp>
#include <string>
#include <support/compare.hpp>
#include <support/problem.hpp>

using namespace paragon;
using namespace paragon_test;

namespace {

using engine = dispatch<decode_config<bf16, bf16, nhd, 64>, decode_config<bf16, bf16, hnd, 64>,
                        decode_config<bf16, fp8_e4m3fn, nhd, 64>, decode_config<bf16, fp8_e4m3fnuz, hnd, 64>,
                        decode_config<bf16, fp8_e4m3fn, nhd, 64, per_head>,
                        decode_config<fp16, fp16, nhd, 64, unscaled, variant<>, float, 32>,
                        decode_config<bf16, bf16, nhd, 64, unscaled, variant<>, fp8_e4m3fn>>;

template <class Layout>
inline constexpr cache_layout layout_of = std::is_same_v<Layout, nhd> ? cache_layout::nhd : cache_layout::hnd;

/// A problem as a request. Strides are left to the layout if the problem has no padding.
template <class Query, class KV, class Layout, class Descale>
engine::request request_of(const problem<Query, KV, Layout, Descale>& p, element_type out_type,
                           const heads_view<void>& out, std::optional<float> out_scale) {
  const auto query = p.query(true);
  const auto kv = p.kv(true);
  engine::request request{
      .query = {element_type_of<Query>, {query.data, query.tokens, query.heads, query.token_stride, query.head_stride}},
      .kv = {element_type_of<KV>, layout_of<Layout>, kv.k.data, kv.v.data, kv.shape, kv.descale},
      .requests = p.tables(true),
      .queries = p.queries(true),
      .out = {out_type, out, out_scale},
      .softmax_scale = p.softmax_scale,
  };
  if (p.sizes.padded) {
    request.kv.key_strides = kv.k.strides;
    request.kv.value_strides = kv.v.strides;
  }
  return request;
}

template <class T> heads_view<void> erased(const heads_view<T>& view) {
  return {view.data, view.tokens, view.heads, view.token_stride, view.head_stride};
}

bool device_reads(element_type type) {
  platform::device_info device;
  REQUIRE(platform::query_device(device).ok());
  if (device.fp8 == platform::fp8_hardware::none || !is_fp8(type)) return true;
  return (device.fp8 == platform::fp8_hardware::fnuz) == (type == element_type::fp8_e4m3fnuz);
}

/// Decodes a random batch through the engine and compares with float64. Sees that the tables are checked, too.
template <class Query, class KV, class Layout, class Out = Query, class Descale = default_descale<KV>>
void check_decodes(problem_sizes sizes, std::optional<float> out_scale = {}) {
  std::mt19937 random{7};
  const problem<Query, KV, Layout, Descale> p{sizes, random};
  guarded_output<Out> out{p.query_rows(), p.query_heads(), sizes.value_dim, sizes.padded};
  const engine::request request = request_of(p, element_type_of<Out>, erased(out.device()), out_scale);

  std::size_t bytes = 0;
  const status sized = engine::workspace_size(request, bytes);
  if (!device_reads(request.kv.type) || !device_reads(request.out.type)) {
    CHECK(sized.code() == status_code::unsupported_device);
    return;
  }
  REQUIRE_MESSAGE(sized.ok(), sized.message());
  device_buffer<std::byte> memory{bytes};
  const workspace space{memory.data(), bytes};
  const status checked = engine::check_tables(request, space, {});
  REQUIRE_MESSAGE(checked.ok(), checked.message());
  const auto expected = reference::attention(p.query(false), p.kv(false), p.tables(false), p.queries(false),
                                             static_cast<double>(p.softmax_scale));
  const auto fetch_and_check = [&] {
    out.fetch();
    check_output<Query>(out, expected, static_cast<double>(out_scale.value_or(1.0f)));
    out.poison_again();
  };

  const status run = engine::run(request, space, {});
  REQUIRE_MESSAGE(run.ok(), run.message());
  fetch_and_check();
  const status planned = engine::plan(request, space, {});
  REQUIRE_MESSAGE(planned.ok(), planned.message());
  const status decoded = engine::run_planned(request, space, {});
  REQUIRE_MESSAGE(decoded.ok(), decoded.message());
  fetch_and_check();
}

/// A request that is right in all that does not need memory.
engine::request small_request() {
  return {
      .query = {element_type::bf16, contiguous_heads<const void>(nullptr, 2, 8, 64)},
      .kv = {element_type::bf16, cache_layout::nhd, nullptr, nullptr, kv_shape{4, 16, 2, 64}},
      .requests = {2, nullptr, nullptr, nullptr},
      .out = {element_type::bf16, contiguous_heads<void>(nullptr, 2, 8, 64)},
      .softmax_scale = 0.125f,
  };
}

status refusal_of(const engine::request& request) {
  std::size_t bytes = 0;
  return engine::workspace_size(request, bytes);
}

const std::vector<int> ragged{37, 0, 16, 1, 130};

}  // namespace

TEST_CASE("a request is decoded by the configuration that it names") {
  problem_sizes sizes{.kv_heads = 2, .group = 3, .page_size = 16, .lengths = ragged};
  SUBCASE("16 bits, either layout, strides from the layout") {
    check_decodes<bf16, bf16, nhd>(sizes);
    check_decodes<bf16, bf16, hnd>(sizes);
  }
  SUBCASE("strides as values") {
    sizes.padded = true;
    check_decodes<bf16, bf16, nhd>(sizes);
    check_decodes<bf16, fp8_e4m3fnuz, hnd>(sizes);
  }
  SUBCASE("fp8, either format, either policy") {
    check_decodes<bf16, fp8_e4m3fn, nhd>(sizes);
    check_decodes<bf16, fp8_e4m3fnuz, hnd>(sizes);
    check_decodes<bf16, fp8_e4m3fn, nhd, bf16, per_head>(sizes);
  }
  SUBCASE("an output type and a value dim of its own") {
    sizes.value_dim = 32;
    check_decodes<fp16, fp16, nhd, float>(sizes);
  }
  SUBCASE("an fp8 output with its scale") { check_decodes<bf16, bf16, nhd, fp8_e4m3fn>(sizes, 0.031f); }
  SUBCASE("group size, page size and query tokens are values") {
    sizes.group = 20;
    sizes.page_size = 1;
    sizes.per_request = 3;
    check_decodes<bf16, bf16, nhd>(sizes);
  }
}

TEST_CASE("a request outside the list is refused with what it is and with the list") {
  const std::string list =
      "bf16 x bf16 nhd 64, bf16 x bf16 hnd 64, bf16 x fp8_e4m3fn nhd 64 per_tensor, "
      "bf16 x fp8_e4m3fnuz hnd 64 per_tensor, bf16 x fp8_e4m3fn nhd 64 per_head, fp16 x fp16 nhd 64/32 -> float, "
      "bf16 x bf16 nhd 64 -> fp8_e4m3fn";
  std::string asked;
  engine::request request = small_request();
  SUBCASE("head dim") {
    request.kv.shape.head_dim = request.kv.shape.value_dim = 96;
    asked = "bf16 x bf16 nhd 96";
  }
  SUBCASE("value dim") {
    request.kv.shape.value_dim = 32;
    asked = "bf16 x bf16 nhd 64/32";
  }
  SUBCASE("mixed 16-bit types") {
    request.query.type = element_type::fp16;
    asked = "fp16 x bf16 nhd 64 -> bf16";
  }
  SUBCASE("layout") {
    request.kv.type = element_type::fp8_e4m3fn;
    request.kv.layout = cache_layout::hnd;
    request.kv.descale = per_tensor{2.0f, 3.0f};
    asked = "bf16 x fp8_e4m3fn hnd 64 per_tensor";
  }
  SUBCASE("descale policy") {
    request.kv.type = element_type::fp8_e4m3fnuz;
    request.kv.layout = cache_layout::hnd;
    request.kv.descale = per_tensor_on_device{nullptr, nullptr};
    asked = "bf16 x fp8_e4m3fnuz hnd 64 per_tensor_on_device";
  }
  SUBCASE("output") {
    request.out.type = element_type::float32;
    asked = "bf16 x bf16 nhd 64 -> float";
  }
  const status refusal = refusal_of(request);
  CHECK(refusal.code() == status_code::not_in_list);
  CHECK(refusal.message() == asked + " is not among the configurations that were compiled: " + list);

  const status also_by_run = engine::run(request, {}, {});
  CHECK(also_by_run.code() == status_code::not_in_list);
}

TEST_CASE("a list too long for the message ends in an ellipsis") {
  std::vector<config_key> list;
  for (int dim = 8; dim <= 512; dim += 8)
    list.push_back({element_type::bf16, element_type::bf16, cache_layout::nhd, dim, dim, 0, element_type::bf16});
  const std::string message = paragon::detail::not_in_list(list[0], list.data(), list.size()).message();
  CHECK(
      message.starts_with("bf16 x bf16 nhd 8 is not among the configurations that were compiled: bf16 x bf16 nhd 8, "));
  CHECK(message.ends_with("..."));
  CHECK(message.size() == 511);
}

TEST_CASE("scales have no default") {
  engine::request request = small_request();
  const auto refused = [&](const char* words) {
    const status refusal = refusal_of(request);
    CHECK(refusal.code() == status_code::bad_scale);
    CHECK_MESSAGE(std::strstr(refusal.message(), words) != nullptr, refusal.message());
  };
  SUBCASE("an fp8 cache without a descale") {
    request.kv.type = element_type::fp8_e4m3fnuz;
    refused("an fp8_e4m3fnuz cache cannot be read without its descale");
  }
  SUBCASE("a 16-bit cache with one") {
    request.kv.descale = per_tensor{1.0f, 1.0f};
    refused("a bf16 cache holds real numbers: it takes no descale");
  }
  SUBCASE("an fp8 output without a scale") {
    request.out.type = element_type::fp8_e4m3fn;
    refused("an fp8_e4m3fn output cannot be written without its scale");
  }
  SUBCASE("a 16-bit output with one") {
    request.out.scale = 1.0f;
    refused("a bf16 output holds real numbers: it takes no scale");
  }
}

TEST_CASE("refusals of the configuration come through") {
  const problem_sizes sizes{.lengths = {20}};
  std::mt19937 random{1};
  const problem<bf16, bf16, nhd, unscaled> p{sizes, random};
  guarded_output<bf16> out{1, 1, 64, false};
  engine::request request = request_of(p, element_type::bf16, erased(out.device()), {});
  device_buffer<std::byte> memory{1 << 20};
  SUBCASE("workspace") {
    CHECK(engine::run(request, {memory.data(), 1}, {}).code() == status_code::workspace_too_small);
    CHECK(engine::plan(request, {memory.data(), 1}, {}).code() == status_code::workspace_too_small);
    CHECK(engine::run_planned(request, {memory.data(), 1}, {}).code() == status_code::workspace_too_small);
  }
  SUBCASE("pointers") {
    request.kv.keys = nullptr;
    CHECK(refusal_of(request).code() == status_code::null_pointer);
  }
  SUBCASE("tables") {
    const device_buffer<std::int32_t> wrong{std::vector<std::int32_t>(8, 1000)};
    request.requests.kv_indices = wrong.data();
    CHECK(engine::check_tables(request, {memory.data(), memory.size()}, {}).code() == status_code::bad_table);
  }
  out.fetch();
  CHECK(out.written_outside([](int) { return false; }) == 0);
}

TEST_CASE("the variant of the list goes through the request") {
  using capped = dispatch<decode_config<bf16, bf16, nhd, 64, unscaled, variant<soft_cap>>>;
  const problem_sizes sizes{.group = 4, .lengths = ragged};
  std::mt19937 random{3};
  const problem<bf16, bf16, nhd, unscaled> p{sizes, random};
  guarded_output<bf16> out{p.query_rows(), p.query_heads(), 64, false};
  const engine::request plain = request_of(p, element_type::bf16, erased(out.device()), {});
  capped::request request{.query = plain.query,
                          .kv = plain.kv,
                          .requests = plain.requests,
                          .out = plain.out,
                          .softmax_scale = plain.softmax_scale,
                          .variant = {soft_cap{2.0f}}};
  std::size_t bytes = 0;
  REQUIRE(capped::workspace_size(request, bytes).ok());
  device_buffer<std::byte> memory{bytes};
  REQUIRE(capped::run(request, {memory.data(), bytes}, {}).ok());
  out.fetch();
  check_output<bf16>(out, reference::attention(p.query(false), p.kv(false), p.tables(false), p.queries(false),
                                               static_cast<double>(p.softmax_scale), {.soft_cap = 2.0}));

  request.variant = {soft_cap{-1.0f}};
  CHECK(capped::run(request, {memory.data(), bytes}, {}).code() == status_code::bad_scale);
}

TEST_CASE("a framework's name of a cache's storage is an element type") {
  element_type type{};
  REQUIRE(resolve(kv_cache_dtype::automatic, element_type::fp16, type).ok());
  CHECK(type == element_type::fp16);
  REQUIRE(resolve(kv_cache_dtype::fp8_e4m3, element_type::fp16, type).ok());
  CHECK(is_fp8(type));
  CHECK(device_reads(type));
#if PARAGON_PLATFORM_HOST
  platform::device_info device;
  REQUIRE(platform::query_device(device).ok());
  for (const auto fp8 : {platform::fp8_hardware::fnuz, platform::fp8_hardware::fn, platform::fp8_hardware::none}) {
    platform::host::set_device({"pretended", device.family, device.compute_units, fp8});
    REQUIRE(resolve(kv_cache_dtype::fp8_e4m3, element_type::fp16, type).ok());
    CHECK(type == (fp8 == platform::fp8_hardware::fnuz ? element_type::fp8_e4m3fnuz : element_type::fp8_e4m3fn));
  }
  platform::host::set_device(device);
#endif
}
