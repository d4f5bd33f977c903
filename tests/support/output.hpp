#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <paragon/view/view.hpp>
#include <support/device_buffer.hpp>
#include <type_traits>
#include <vector>

namespace paragon_test {

using namespace paragon;

/// What outputs hold before a kernel runs: a NaN that no kernel writes.
template <class T> T poison() {
  if constexpr (std::is_same_v<T, float>)
    return std::bit_cast<float>(0xffd1ead1u);
  else if constexpr (std::is_same_v<T, fp8_e4m3fnuz>)
    return T::from_bits(0x80);
  else
    return T::from_bits(static_cast<decltype(T::bits)>(std::is_same_v<T, fp8_e4m3fn> ? 0xff : 0xffd1));
}

template <class T> bool is_poison(T value) {
  const T expected = poison<T>();
  return std::memcmp(&value, &expected, sizeof(T)) == 0;
}

/// A tensor [tokens, heads, dim] that kernels write, with gaps between rows if it is padded and guards around it, all
/// of it poisoned.
template <class T> class guarded_output {
 public:
  guarded_output(int tokens, int heads, int dim, bool padded)
      : tokens_{tokens},
        heads_{heads},
        dim_{dim},
        head_stride_{dim + (padded ? 16 : 0)},
        token_stride_{heads * head_stride_ + (padded ? 48 : 0)},
        host_(static_cast<std::size_t>(2 * guard + tokens * token_stride_), poison<T>()),
        device_{host_} {}

  int tokens() const { return tokens_; }
  int heads() const { return heads_; }
  int dim() const { return dim_; }
  std::int64_t token_stride() const { return token_stride_; }
  std::int64_t head_stride() const { return head_stride_; }

  heads_view<T> device() { return {device_.data() + guard, tokens_, heads_, token_stride_, head_stride_}; }

  void poison_again() { device_.upload(std::vector<T>(host_.size(), poison<T>())); }
  void fetch() { host_ = device_.download(); }

  /// As of the last `fetch`.
  const T* row(int token, int head) const { return host_.data() + guard + token * token_stride_ + head * head_stride_; }
  const std::vector<T>& all() const { return host_; }

  /// How many elements outside of rows were written; `is_row(token)` says whether a token's rows may be.
  template <class IsRow> std::size_t written_outside(const IsRow& is_row) const {
    std::vector<bool> inside(host_.size());
    for (int token = 0; token < tokens_; ++token)
      for (int head = 0; head < heads_ && is_row(token); ++head)
        for (int d = 0; d < dim_; ++d)
          inside[static_cast<std::size_t>(guard + token * token_stride_ + head * head_stride_ + d)] = true;
    std::size_t count = 0;
    for (std::size_t i = 0; i < host_.size(); ++i) count += !inside[i] && !is_poison(host_[i]);
    return count;
  }

 private:
  static constexpr std::int64_t guard = 4096;
  int tokens_, heads_, dim_;
  std::int64_t head_stride_, token_stride_;
  std::vector<T> host_;
  device_buffer<T> device_;
};

}  // namespace paragon_test
