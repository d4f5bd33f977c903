#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

/// How far an output is from the reference: |out - reference| / |reference|, Euclidean norms over all requests, of all
/// query heads together and of the head where it is largest.
struct relative_error {
  double all = 0;
  double worst = 0;
  int worst_head = 0;
};

/// `out` and `reference` are [rows, heads, dim]. NaN in `out` makes the error NaN and its head the worst.
inline relative_error compare(std::span<const float> out, std::span<const double> reference, int heads, int dim) {
  struct squares {
    double error = 0;
    double norm = 0;
    [[nodiscard]] double ratio() const { return std::sqrt(error / norm); }
  };
  squares all;
  std::vector<squares> by_head(static_cast<std::size_t>(heads));
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double error = static_cast<double>(out[i]) - reference[i];
    for (squares* sum : {&all, &by_head[i / static_cast<std::size_t>(dim) % static_cast<std::size_t>(heads)]}) {
      sum->error += error * error;
      sum->norm += reference[i] * reference[i];
    }
  }
  relative_error result{all.ratio()};
  for (int head = 0; head < heads; ++head) {
    const double ratio = by_head[static_cast<std::size_t>(head)].ratio();
    if (!(ratio <= result.worst) && !std::isnan(result.worst)) {
      result.worst = ratio;
      result.worst_head = head;
    }
  }
  return result;
}

/// What one line of the table says: a decode with its outcome, or why there was none.
struct table_row {
  std::string query;
  std::string cache;
  std::string scale = "-";  ///< how the cache is scaled
  std::string key_scale = "-";
  std::string value_scale = "-";
  std::size_t cache_bytes = 0;
  relative_error error = {};
  double limit = 0;  ///< the largest error that is right; 0: the row is meant to be wrong
  double seconds = 0;
  std::string refusal = "";  ///< empty: the device took the call
};

/// One factor, or the smallest and the largest of several.
inline std::string scale_text(std::span<const float> factors) {
  const auto [low, high] = std::minmax_element(factors.begin(), factors.end());
  char text[32];
  if (*low == *high) {
    std::snprintf(text, sizeof text, "%.3g", static_cast<double>(*low));
  } else {
    std::snprintf(text, sizeof text, "%.3g..%.3g", static_cast<double>(*low), static_cast<double>(*high));
  }
  return text;
}

inline std::string time_text(double seconds) {
  char text[32];
  const bool micro = seconds < 1e-3;
  std::snprintf(text, sizeof text, "%.*f %s", micro || seconds < 0.1 ? 1 : 0, seconds * (micro ? 1e6 : 1e3),
                micro ? "us" : "ms");
  return text;
}

/// Prints its head when it is made, each row when it is added.
class table {
 public:
  table() {
    std::printf("  %-5s  %-12s  %-15s  %8s  %-15s  %-17s  %7s  %-12s  %8s\n", "query", "KV cache", "scale", "cache",
                "K scale", "V scale", "error", "worst head", "time");
  }

  void add(const table_row& row) {
    std::printf("  %-5s  %-12s  %-15s  ", row.query.c_str(), row.cache.c_str(), row.scale.c_str());
    if (!row.refusal.empty()) {
      std::printf("refused: %s\n", row.refusal.c_str());
      return;
    }
    char worst[32];
    std::snprintf(worst, sizeof worst, "%.1e (#%d)", row.error.worst, row.error.worst_head);
    std::printf("%4zu KiB  %-15s  %-17s  %7.1e  %-12s  %8s\n", row.cache_bytes / 1024, row.key_scale.c_str(),
                row.value_scale.c_str(), row.error.all, worst, time_text(row.seconds).c_str());
    if (row.limit == 0 || row.error.all <= row.limit) return;
    std::printf("  WRONG: rounding explains an error of at most %.1e\n", row.limit);
    all_right_ = false;
  }

  [[nodiscard]] bool all_right() const { return all_right_; }

 private:
  bool all_right_ = true;
};
