#pragma once

#include <cmath>
#include <concepts>
#include <numbers>
#include <paragon/platform/platform.hpp>
#include <paragon/types.hpp>

namespace paragon {

/// Which logit a transform is looking at. Positions count from the request's first token.
struct logit_position {
  int request;
  int query_token;  ///< within the request
  int head;         ///< query head
  int kv_head;
  int query_position;
  int kv_position;
};

/// cap * tanh(logit / cap)
struct soft_cap {
  float cap;

  PARAGON_DEVICE float logit(float x, const logit_position&) const {
    const float e = platform::exp2(x * (2.0f * std::numbers::log2e_v<float> / cap));
    return cap * (1.0f - 2.0f * platform::reciprocal(e + 1.0f));
  }
  status check() const {
    if (!(std::isfinite(cap) && cap > 0.0f))
      return status::failure(status_code::bad_scale, "the logits soft cap is %g; it must be finite and positive",
                             static_cast<double>(cap));
    return status::success();
  }
};

/// logit + slope[head] * (kv_position - query_position); `slopes` is float [query heads] in device memory.
struct alibi {
  const float* slopes;

  PARAGON_DEVICE float logit(float x, const logit_position& at) const {
    return x + slopes[at.head] * static_cast<float>(at.kv_position - at.query_position);
  }
  status check() const {
    return slopes != nullptr ? status::success()
                             : status::failure(status_code::null_pointer, "the ALiBi slopes pointer is null");
  }
};

/// A query token sees the last `tokens` tokens up to its own position, itself included. Pages outside are not read.
struct sliding_window {
  int tokens;

  status check() const {
    return tokens >= 1 ? status::success()
                       : status::failure(status_code::bad_shape,
                                         "the sliding window is %d tokens; it must be at least 1", tokens);
  }
};

/// e^logits[head] is added to the softmax's denominator; `logits` is float [query heads] in device memory.
struct attention_sinks {
  const float* logits;

  status check() const {
    return logits != nullptr ? status::success()
                             : status::failure(status_code::null_pointer, "the attention sinks pointer is null");
  }
};

/// The user's own map of logits: `float f(float logit, const logit_position&)`, trivially copyable, device-callable.
template <class F> struct logits_transform {
  F f;

  PARAGON_DEVICE float logit(float x, const logit_position& at) const { return f(x, at); }
  status check() const { return status::success(); }
};

/// What a decode kernel does beyond plain attention, chosen at compile time; a part that is not named costs nothing.
///
///   variant<soft_cap, sliding_window>{soft_cap{30.0f}, sliding_window{4096}}
///
/// Parts that map logits apply in the order of the list, to logits in natural units with the softmax scale applied.
template <class... Parts> struct variant : Parts... {
  template <class Part> static constexpr bool has = (std::same_as<Part, Parts> || ...);

 private:
  template <class Part> static constexpr bool maps = requires { &Part::logit; };

 public:
  static constexpr bool maps_logits = (maps<Parts> || ...);

  PARAGON_DEVICE float map_logit(float x, const logit_position& at) const {
    const auto apply = [&]<class Part>(const Part& part) {
      if constexpr (maps<Part>) x = part.logit(x, at);
    };
    (apply(static_cast<const Parts&>(*this)), ...);
    return x;
  }

  /// Tokens of the sliding window; 0 without one.
  constexpr int window() const {
    if constexpr (has<sliding_window>)
      return static_cast<const sliding_window&>(*this).tokens;
    else
      return 0;
  }

  /// The first part's refusal, or success.
  status check() const {
    status result;
    (void)((result = static_cast<const Parts&>(*this).check(), result.ok()) && ...);
    return result;
  }
};

template <class T> inline constexpr bool is_variant = false;
template <class... Parts> inline constexpr bool is_variant<variant<Parts...>> = true;

}  // namespace paragon
