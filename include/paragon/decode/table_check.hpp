#pragma once

#include <bit>
#include <paragon/decode/checks.hpp>
#include <paragon/decode/geometry.hpp>

namespace paragon {

/// What is wrong with a device-side table.
enum class table_fault : std::int32_t {
  none,
  kv_indptr_falls,     ///< value: kv_indptr[r + 1], allowed: kv_indptr[r]
  last_page_length,    ///< value: kv_last_page_len[r], allowed: page size
  page_index,          ///< value: the page index, allowed: number of pages
  query_indptr_falls,  ///< value: indptr[r + 1], allowed: indptr[r]
  query_count,         ///< value: query tokens of the request, allowed: per_request
  query_row,           ///< value: first row past the request's, allowed: rows of the query
  key_descale,         ///< value: bits of the factor
  value_descale,       ///< value: bits of the factor
};

/// The first fault that one lane of the checking kernel found.
struct lane_report {
  table_fault fault;
  std::int32_t request;
  std::int32_t value;
  std::int32_t allowed;
};

/// What the checking kernel leaves in the workspace: one entry per lane.
struct table_report {
  static constexpr int lanes = 256;
  lane_report lane[lanes];
};

namespace detail {

/// Every lane validates every 256th request and keeps its first fault. Requests with a broken page list are not
/// followed into the cache.
template <class Descale> struct table_check_kernel {
  using target = platform::target::any;
  static constexpr int max_waves = table_report::lanes / target::wave_size;

  struct arguments {
    plan::batch batch;
    std::int64_t pages;
    std::int32_t query_rows;
    Descale descale;
    table_report* report;
  };

  static PARAGON_DEVICE void run(const arguments& a, std::byte*) {
    using wave = platform::wave_ops<target::wave_size>;
    const int lane = wave::index() * target::wave_size + wave::lane();
    lane_report found{};
    for (int r = lane; r < a.batch.requests.count && found.fault == table_fault::none; r += table_report::lanes) {
      found = check_pages_of(a, r);
      if (found.fault == table_fault::none) found = check_queries_of(a, r);
      if (found.fault == table_fault::none) found = check_descales_of(a, r);
    }
    a.report->lane[lane] = found;
  }

 private:
  static PARAGON_DEVICE lane_report check_pages_of(const arguments& a, int r) {
    const ragged_requests& t = a.batch.requests;
    const std::int32_t begin = t.kv_indptr[r], end = t.kv_indptr[r + 1];
    if (end < begin || begin < 0) return {table_fault::kv_indptr_falls, r, end, begin};
    if (end > begin && a.batch.page_size > 1) {
      const std::int32_t last = t.kv_last_page_len[r];
      if (last < 1 || last > a.batch.page_size) return {table_fault::last_page_length, r, last, a.batch.page_size};
    }
    for (std::int32_t i = begin; i < end; ++i)
      if (t.kv_indices[i] < 0 || t.kv_indices[i] >= a.pages)
        return {table_fault::page_index, r, t.kv_indices[i], static_cast<std::int32_t>(a.pages)};
    return {};
  }

  static PARAGON_DEVICE lane_report check_queries_of(const arguments& a, int r) {
    const query_tokens& q = a.batch.queries;
    if (q.indptr == nullptr) return {};
    const std::int32_t begin = q.indptr[r], end = q.indptr[r + 1];
    if (end < begin || begin < 0) return {table_fault::query_indptr_falls, r, end, begin};
    if (end - begin > q.per_request) return {table_fault::query_count, r, end - begin, q.per_request};
    if (end > a.query_rows) return {table_fault::query_row, r, end, a.query_rows};
    return {};
  }

  static PARAGON_DEVICE bool is_factor(float x) { return x > 0.0f && x <= max_finite_float; }
  static PARAGON_DEVICE lane_report check_factors(int r, float key, float value) {
    if (!is_factor(key)) return {table_fault::key_descale, r, static_cast<std::int32_t>(platform::bits_of(key)), 0};
    if (!is_factor(value))
      return {table_fault::value_descale, r, static_cast<std::int32_t>(platform::bits_of(value)), 0};
    return {};
  }
  static PARAGON_DEVICE lane_report check_descales_of(const arguments& a, int r) {
    lane_report found{};
    for (int head = 0; head < a.batch.kv_heads() && found.fault == table_fault::none; ++head) {
      if constexpr (Descale::by_token)
        found = check_token_factors(a, r, head);
      else
        found = check_factors(r, a.descale.key_factor(head), a.descale.value_factor(head));
    }
    return found;
  }
  static PARAGON_DEVICE lane_report check_token_factors(const arguments& a, int r, int head) {
    const std::int32_t* pages = a.batch.requests.kv_indices + a.batch.requests.kv_indptr[r];
    const std::int32_t tokens = a.batch.lengths(r).tokens;
    lane_report found{};
    for (std::int32_t t = 0; t < tokens && found.fault == table_fault::none; ++t) {
      const auto row = a.descale.strides.offset(pages[t / a.batch.page_size], t % a.batch.page_size, head);
      found = check_factors(r, a.descale.key_factor(row), a.descale.value_factor(row));
    }
    return found;
  }

  static constexpr float max_finite_float = 3.4028235e38f;
};

inline status describe(const lane_report& f) {
  const auto refuse = [&f](const char* format) {
    return status::failure(status_code::bad_table, format, f.request, f.value, f.allowed);
  };
  const auto refuse_factor = [&f](const char* which) {
    return status::failure(status_code::bad_scale, "request %d: a %s descale is %g; it must be finite and positive",
                           f.request, which, static_cast<double>(std::bit_cast<float>(f.value)));
  };
  switch (f.fault) {
    case table_fault::none:
      return status::success();
    case table_fault::kv_indptr_falls:
      return refuse("request %d: kv_indptr ends at %d but starts at %d; it must not fall");
    case table_fault::last_page_length:
      return refuse("request %d: kv_last_page_len is %d; allowed are 1 to %d");
    case table_fault::page_index:
      return refuse("request %d: page index %d is outside the cache of %d pages");
    case table_fault::query_indptr_falls:
      return refuse("request %d: the query indptr ends at %d but starts at %d; it must not fall");
    case table_fault::query_count:
      return refuse("request %d has %d query tokens; allowed are at most %d");
    case table_fault::query_row:
      return refuse("request %d: the query indptr ends at %d, past the query's %d rows");
    case table_fault::key_descale:
      return refuse_factor("key");
    case table_fault::value_descale:
      return refuse_factor("value");
  }
  return status::success();
}

/// Precondition: the host-side checks passed.
template <class Config>
status check_tables(const decode_arguments<Config>& a, const workspace& w, platform::stream stream) {
  using kernel = table_check_kernel<typename Config::descale>;
  if (a.requests.count == 0) return status::success();
  if (w.bytes < sizeof(table_report))
    return status::failure(status_code::workspace_too_small, "the workspace has %zu bytes; checking tables needs %zu",
                           w.bytes, sizeof(table_report));
  if (status s = check_pointers({{"workspace", w.data}}); !s) return s;
  const typename kernel::arguments arguments{.batch = make_batch(a),
                                             .pages = a.kv.shape.pages,
                                             .query_rows = a.query.tokens,
                                             .descale = a.kv.descale,
                                             .report = static_cast<table_report*>(w.data)};
  if (status s = platform::launch<kernel>(1, kernel::max_waves, 0, stream, arguments); !s) return s;
  table_report report;
  if (status s = platform::read_back(&report, w.data, sizeof(report), stream); !s) return s;
  const lane_report* first = nullptr;
  for (const lane_report& lane : report.lane)
    if (lane.fault != table_fault::none && (first == nullptr || lane.request < first->request)) first = &lane;
  return first == nullptr ? status::success() : describe(*first);
}

}  // namespace detail
}  // namespace paragon
