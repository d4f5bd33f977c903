/// Decode attention on the queries, keys and values of a real language model, with the KV cache in every type that the
/// library knows, compared with float64 attention on the numbers as the model made them.
///
///   real_activations [FILE]        FILE: smollm2_activations.safetensors, see the README beside this source

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <numeric>
#include <paragon/paragon.hpp>
#include <paragon/reference/attention.hpp>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "input.hpp"
#include "report.hpp"
#include "support/device_vector.hpp"

namespace {

using examples::device_vector;
using paragon::bf16, paragon::fp16, paragon::fp8_e4m3fn, paragon::fp8_e4m3fnuz;
using paragon::fp8_element, paragon::half_element, paragon::kv_element;
using paragon::nhd, paragon::per_head, paragon::per_tensor, paragon::unscaled;
using paragon::status;

constexpr int head_dim = 64;

template <kv_element T> constexpr const char* name_of = nullptr;
template <> constexpr const char* name_of<bf16> = "bf16";
template <> constexpr const char* name_of<fp16> = "fp16";
template <> constexpr const char* name_of<fp8_e4m3fn> = "fp8_e4m3fn";
template <> constexpr const char* name_of<fp8_e4m3fnuz> = "fp8_e4m3fnuz";

/// Half the distance from 1 to the next number.
template <kv_element T> constexpr double roundoff = 0x1p-4;
template <> constexpr double roundoff<bf16> = 0x1p-8;
template <> constexpr double roundoff<fp16> = 0x1p-11;

/// The largest relative error of an output that rounding to T explains. Errors in keys pass through the exponential, so
/// a few roundoffs come together.
template <kv_element T> constexpr double explained = 4 * roundoff<T>;

void expect(const status& outcome) {
  if (!outcome) throw std::runtime_error{outcome.message()};
}

/// One layer's decode step: its input, what should come out, and the batch's tables on the device.
struct workload {
  const model_info& model;
  const ragged_batch& batch;
  const layer_input& input;
  std::vector<double> expected;  ///< [requests, query heads, head dim]

  device_vector<std::int32_t> kv_indptr{batch.kv_indptr};
  device_vector<std::int32_t> kv_indices{batch.kv_indices};
  device_vector<std::int32_t> kv_last_page_len{batch.kv_last_page_len};
  device_vector<std::int32_t> token_indptr{batch.token_indptr};
  device_vector<fp16> key{input.key};
  device_vector<fp16> value{input.value};

  [[nodiscard]] paragon::ragged_requests requests() const {
    return {batch.count(), kv_indptr.data(), kv_indices.data(), kv_last_page_len.data()};
  }
  [[nodiscard]] paragon::kv_shape cache_shape() const {
    return {batch.pages, batch.page_size, model.kv_heads, head_dim};
  }
  [[nodiscard]] paragon::heads_view<const fp16> new_tokens(const device_vector<fp16>& rows) const {
    return paragon::contiguous_heads(rows.data(), batch.tokens(), model.kv_heads, head_dim);
  }
};

/// Float64 attention on the unquantised input, which for this purpose is a cache with pages of one token.
std::vector<double> expected_output(const model_info& model, const ragged_batch& batch, const layer_input& input) {
  std::vector<std::int32_t> rows(static_cast<std::size_t>(batch.tokens()));
  std::iota(rows.begin(), rows.end(), 0);
  const paragon::kv_shape shape{batch.tokens(), 1, model.kv_heads, head_dim};
  const paragon::paged_kv<fp16> kv{input.key.data(), input.value.data(), shape};
  const auto query = paragon::contiguous_heads(input.query.data(), batch.count(), model.query_heads, head_dim);
  const paragon::ragged_requests requests{batch.count(), batch.token_indptr.data(), rows.data(), nullptr};
  return paragon::reference::attention<fp16>(query, kv, requests, {}, model.softmax_scale).out;
}

// ----------------------------------------------------------------------------------------------------------- the cache

/// Pages of K and V in device memory that hold nothing but NaN yet, so that whatever is read without having been
/// written shows in the result.
template <kv_element KV> class cache_pages {
 public:
  explicit cache_pages(const paragon::kv_shape& shape) : shape_{shape}, k_{elements(shape)}, v_{elements(shape)} {
    constexpr int nan = std::is_same_v<KV, fp8_e4m3fnuz> ? 0x80 : 0xff;
    expect(paragon::platform::fill_bytes(k_.data(), nan, k_.bytes(), {}));
    expect(paragon::platform::fill_bytes(v_.data(), nan, v_.bytes(), {}));
  }

  [[nodiscard]] std::size_t bytes() const { return k_.bytes() + v_.bytes(); }

  /// The view that tokens are appended through; a 16-bit cache is `unscaled`.
  template <class Descale> paragon::paged_kv_writer<KV, nhd, Descale> writer(const Descale& descale) {
    if constexpr (fp8_element<KV>) {
      return {k_.data(), v_.data(), shape_, descale};
    } else {
      return {k_.data(), v_.data(), shape_};
    }
  }

 private:
  static std::size_t elements(const paragon::kv_shape& s) {
    return static_cast<std::size_t>(s.pages) * static_cast<std::size_t>(s.page_size * s.kv_heads * s.head_dim);
  }

  paragon::kv_shape shape_;
  device_vector<KV> k_;
  device_vector<KV> v_;
};

// ------------------------------------------------------------------------------------------------------ one table row

/// Seconds that one call takes on the device, by the clock of the host: the mean of many calls if they are short.
template <class Call> double seconds_per_call(const Call& call) {
  const auto time = [&](int repetitions) {
    examples::device_memory::synchronize();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < repetitions; ++i) expect(call());
    examples::device_memory::synchronize();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / repetitions;
  };
  const double first = time(1);
  return first < 0.01 ? time(200) : first;
}

/// Decodes the batch from a cache and fills in what the table says of it: error and time, or why the device refused.
template <half_element Query, kv_element KV, class Descale>
void decode(const workload& work, const paragon::paged_kv<KV, nhd, Descale>& kv, table_row& row) {
  using decode = paragon::decode<paragon::decode_config<Query, KV, nhd, head_dim, Descale>>;
  const int requests = work.batch.count(), heads = work.model.query_heads;
  std::vector<Query> rounded;
  for (const fp16 x : work.input.query) rounded.push_back(Query{static_cast<float>(x)});
  const device_vector<Query> query{rounded};
  device_vector<Query> out{query.size()};

  const typename decode::arguments arguments{
      .query = paragon::contiguous_heads(query.data(), requests, heads, head_dim),
      .kv = kv,
      .requests = work.requests(),
      .out = paragon::contiguous_heads(out.data(), requests, heads, head_dim),
      .softmax_scale = work.model.softmax_scale,
  };
  std::size_t workspace_bytes = 0;
  const status outcome = decode::workspace_size(arguments, workspace_bytes);
  if (outcome.code() == paragon::status_code::unsupported_device) {
    row.refusal = outcome.message();
    return;
  }
  expect(outcome);
  device_vector<std::byte> memory{workspace_bytes};
  const paragon::workspace workspace{memory.data(), memory.size()};
  expect(decode::plan(arguments, workspace, {}));
  row.seconds = seconds_per_call([&] { return decode::run_planned(arguments, workspace, {}); });

  std::vector<float> result;
  for (const Query x : out.to_host()) result.push_back(static_cast<float>(x));
  row.error = compare(result, work.expected, heads, head_dim);
}

/// Writes the batch's tokens into an empty cache with one descale and decodes with another: the same, if all is well.
template <half_element Query, kv_element KV, class Written, class Read>
table_row measure(const workload& work, const Written& written, const Read& read) {
  cache_pages<KV> pages{work.cache_shape()};
  table_row row{.query = name_of<Query>, .cache = name_of<KV>, .cache_bytes = pages.bytes()};
  const paragon::query_tokens all_tokens{.indptr = work.token_indptr.data()};
  expect(paragon::append(work.new_tokens(work.key), work.new_tokens(work.value), pages.writer(written), work.requests(),
                         all_tokens, {}));
  decode<Query>(work, pages.writer(read).read(), row);
  return row;
}

// ----------------------------------------------------------------------------------------------------------- the table

/// Descales with which a cache of type KV uses the format's whole range: one for the layer, or one per KV head.
template <fp8_element KV> struct descales {
  descales(const workload& work, int count) : key(static_cast<std::size_t>(count)), value(key.size()) {
    const paragon::kv_amax amax{key.data(), value.data(), count};
    expect(paragon::reset_amax(amax, {}));
    expect(paragon::measure_amax(work.new_tokens(work.key), head_dim, work.new_tokens(work.value), head_dim, amax, {}));
    expect(paragon::descales_from_amax<KV>(amax, {key.data(), value.data()}, {}));
  }
  [[nodiscard]] per_tensor of_layer() const { return {key.to_host()[0], value.to_host()[0]}; }
  [[nodiscard]] per_head of_heads() const { return {key.data(), value.data()}; }

  device_vector<float> key;
  device_vector<float> value;
};

template <half_element T> table_row half_row(const workload& work) {
  table_row row = measure<T, T>(work, unscaled{}, unscaled{});
  row.limit = explained<T>;
  return row;
}

template <fp8_element KV, class Descale>
table_row fp8_row(const workload& work, const char* scale, const descales<KV>& factors, const Descale& written,
                  const Descale& read) {
  table_row row = measure<fp16, KV>(work, written, read);
  row.scale = scale;
  row.key_scale = scale_text(factors.key.to_host());
  row.value_scale = scale_text(factors.value.to_host());
  return row;
}

template <fp8_element KV> void add_fp8_rows(const workload& work, table& rows) {
  const descales<KV> layer{work, 1}, heads{work, work.model.kv_heads};
  table_row by_layer = fp8_row(work, "per layer", layer, layer.of_layer(), layer.of_layer());
  table_row by_head = fp8_row(work, "per KV head", heads, heads.of_heads(), heads.of_heads());
  by_layer.limit = by_head.limit = explained<KV>;
  rows.add(by_layer);
  rows.add(by_head);
}

/// What this library exists for: the cache is written with the layer's scale, which gets lost on its way to the kernel.
/// Here it takes a 1.0 spelled out.
template <fp8_element KV> table_row lost_scale_row(const workload& work) {
  const descales<KV> layer{work, 1};
  return fp8_row(work, "lost: read as 1", layer, layer.of_layer(), per_tensor{1.0f, 1.0f});
}

/// The table of one layer; false if a row is wrong.
bool print_layer(const workload& work, const paragon::platform::device_info& device) {
  std::printf("\nlayer %d\n", work.input.layer);
  table rows;
  rows.add(half_row<bf16>(work));
  rows.add(half_row<fp16>(work));
  add_fp8_rows<fp8_e4m3fn>(work, rows);
  add_fp8_rows<fp8_e4m3fnuz>(work, rows);
  const bool reads_fn = device.fp8 != paragon::platform::fp8_hardware::fnuz;
  rows.add(reads_fn ? lost_scale_row<fp8_e4m3fn>(work) : lost_scale_row<fp8_e4m3fnuz>(work));
  return rows.all_right();
}

void print_introduction(const model_info& model, const ragged_batch& batch,
                        const paragon::platform::device_info& device) {
  std::printf("model   %s: %d query heads, %d KV heads, head dim %d\n", model.name.c_str(), model.query_heads,
              model.kv_heads, model.head_dim);
  std::printf("text    %s\n", model.text.c_str());
  std::printf("batch   requests of");
  for (const char* separator = " "; const int length : batch.lengths) {
    std::printf("%s%d", std::exchange(separator, ", "), length);
  }
  std::printf(" tokens in shuffled pages of %d; all else in the cache is NaN\n", batch.page_size);
  std::printf("device  %s, %d compute units\n", device.name, device.compute_units);
  std::printf("error   |out - expected| / |expected|, expected: float64 attention on the model's own numbers\n");
  std::printf("lost    written with the layer's scale, read with 1.0, as by a kernel whose caller forgot the scale\n");
}

int run(const char* path) {
  const examples::safetensors file{path};
  const model_info model = load_model_info(file);
  if (model.head_dim != head_dim) throw std::runtime_error{"this program is compiled for head dim 64"};
  const ragged_batch batch = make_ragged_batch({1, 16, 17, 100, 255, 333, 500}, 16);
  paragon::platform::device_info device;
  expect(paragon::platform::query_device(device));

  print_introduction(model, batch, device);
  bool right = true;
  for (const int layer : model.layers) {
    const layer_input input = load_layer(file, model, layer, batch);
    right &= print_layer({model, batch, input, expected_output(model, batch, input)}, device);
  }
  return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? argv[1] : PARAGON_ACTIVATIONS);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "real_activations: %s\n", error.what());
    return 1;
  }
}
