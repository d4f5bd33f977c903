#pragma once

#include <paragon/decode/arguments.hpp>

namespace paragon {

/// One (request, KV head, row block) as a wave sees it: where its tokens lie, which query rows its columns are, and
/// which tokens each of them sees.
template <class Traits, class Shape> class item_view {
  using kv = typename Traits::kv;
  using lanes = typename Shape::lanes;
  using wave = platform::wave_ops<lanes::wave_size>;

 public:
  struct query_row {
    int token;  ///< query token within the request
    int head;   ///< query head
  };

  PARAGON_DEVICE item_view(const kernel_arguments<Traits>& a, const plan::segment& s, const wave_role& role)
      : item_view{a, s, role, a.batch.lengths(s.request)} {}
  /// For a request whose lengths are known.
  PARAGON_DEVICE item_view(const kernel_arguments<Traits>& a, const plan::segment& s, const wave_role& role,
                           const plan::request_lengths& of_request)
      : a_{a},
        lengths{of_request},
        request{s.request},
        kv_head{s.head_group * a.batch.heads_per_pass + role.head},
        first_row_{s.row_block * a.batch.rows_per_pass + role.column * Shape::columns},
        pages_{a.batch.requests.kv_indices + lengths.first_page},
        keys_{a.keys.data + kv_head * a.keys.strides.head},
        values_{a.values.data + kv_head * a.values.strides.head} {}

  /// The page, as the table has it, and slot of a token: `inside` before use. Tokens outside [first_token, tokens) are
  /// taken for their nearest neighbour inside: what unused slots and foreign pages hold is never loaded, so that it
  /// cannot reach an output, NaN or not.
  struct slot_of_token {
    std::uint32_t page;
    std::uint32_t slot;
  };
  PARAGON_DEVICE slot_of_token locate(int token) const {
    token = token < lengths.tokens ? token : lengths.tokens - 1;
    if constexpr (has_window) token = token < lengths.first_token ? lengths.first_token : token;
    // Unsigned, and bytes that fit in 32 bits: the table's address stays a scalar.
    const auto ordinal = static_cast<std::uint32_t>(a_.by_page_size.quotient(token));
    const auto* page = reinterpret_cast<const std::byte*>(pages_) + ordinal * std::uint32_t{sizeof(std::int32_t)};
    return {*reinterpret_cast<const std::uint32_t*>(page),
            static_cast<std::uint32_t>(token) - ordinal * static_cast<std::uint32_t>(a_.batch.page_size)};
  }
  PARAGON_DEVICE const kv* key_row(slot_of_token at) const { return keys_ + key_offset(at); }
  PARAGON_DEVICE const kv* value_row(slot_of_token at) const { return values_ + value_offset(at); }
  /// Elements from the head's first row to a token's.
  PARAGON_DEVICE std::int64_t key_offset(slot_of_token at) const {
    return scaled(inside(at.page), a_.keys.strides.page) + scaled(at.slot, a_.keys.strides.slot);
  }
  PARAGON_DEVICE std::int64_t value_offset(slot_of_token at) const {
    return scaled(inside(at.page), a_.values.strides.page) + scaled(at.slot, a_.values.strides.slot);
  }
  PARAGON_DEVICE const kv* keys() const { return keys_; }
  PARAGON_DEVICE const kv* values() const { return values_; }
  /// Index of a row's factors under a descale policy that varies by token.
  PARAGON_DEVICE std::int64_t descale_row(slot_of_token at) const {
    return a_.descale.strides.offset(inside(at.page), at.slot, kv_head);
  }

  /// Rows are ordered by query token, then head of the group. Columns past the last row repeat it; they are not
  /// written.
  PARAGON_DEVICE bool has_row(int column) const {
    return first_row_ + column < lengths.query_count * a_.batch.group_size;
  }
  PARAGON_DEVICE query_row row(int column) const {
    const int rows = lengths.query_count * a_.batch.group_size, last = rows > 0 ? rows - 1 : 0;
    const int row = first_row_ + column < last ? first_row_ + column : last;
    const int token = a_.by_group_size.quotient(row);
    return {token, kv_head * a_.batch.group_size + row - token * a_.batch.group_size};
  }
  PARAGON_DEVICE int query_position(int query_token) const {
    return lengths.tokens - lengths.query_count + query_token;
  }

  /// Tokens [begin, end) that a query token sees: not later than itself, and inside the window.
  struct token_range {
    int begin;
    int end;
  };
  PARAGON_DEVICE token_range visible(int query_token) const {
    const int end = query_position(query_token) + 1;
    if constexpr (has_window)
      return {end - a_.batch.window, end};
    else
      return {0, end};
  }
  /// Whether every row sees all of `count` tokens from `token` on: then nothing needs a mask.
  PARAGON_DEVICE bool all_visible(int token, int count) const {
    return (!has_window || token >= visible(lengths.query_count - 1).begin) && token + count <= visible(0).end;
  }

  PARAGON_DEVICE const kernel_arguments<Traits>& arguments() const { return a_; }

 private:
  static constexpr bool has_window = Traits::variant::template has<sliding_window>;
  /// Applied where a page is used, not where it is looked up, so that nothing waits for the table before it must.
  PARAGON_DEVICE std::uint32_t inside(std::uint32_t page) const { return page < a_.pages ? page : a_.pages - 1; }
  /// n * stride by multiplications of 32 bits.
  static PARAGON_DEVICE std::int64_t scaled(std::uint32_t n, std::int64_t stride) {
    const auto bits = static_cast<std::uint64_t>(stride);
    const std::uint32_t high = n * static_cast<std::uint32_t>(bits >> 32);
    return static_cast<std::int64_t>(std::uint64_t{n} * static_cast<std::uint32_t>(bits) + (std::uint64_t{high} << 32));
  }

  const kernel_arguments<Traits>& a_;

 public:
  const plan::request_lengths lengths;
  const int request;
  const int kv_head;

 private:
  const int first_row_;
  const std::int32_t* pages_;
  const kv* keys_;
  const kv* values_;
};

}  // namespace paragon
