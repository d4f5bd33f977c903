// The contract of matrix atoms: matrices go into the lanes and come out of them by the lane maps alone, and what comes
// out is their product. On a device this holds the maps against the instructions; on the host, where the model of an
// instruction is made from its map, against what the manuals say of one sum, and `transpose` and the folds against the
// lanes that they exchange.

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "mma/subjects.hpp"
#include "support/device_buffer.hpp"
#include "support/output.hpp"
#include "support/run_kernel.hpp"

namespace atom_test {

/// Where sum `r` of a lane belongs.
struct place {
  int row, column;

  bool operator==(const place&) const = default;
};
template <class Lanes> PARAGON_HD constexpr place place_of(int lane, int r) {
  return {Lanes::sum_index(lane, r) + Lanes::index_lanes * Lanes::sum_sub_row(r),
          Lanes::column(lane, Lanes::sum_slot(r))};
}

/// Where the manuals that the headers of the atoms name put the last sum but one of lane 21.
template <class Target> constexpr place documented{};
template <> constexpr place documented<target::cdna2>{6, 5};
template <> constexpr place documented<target::cdna3>{6, 5};
template <> constexpr place documented<target::rdna3>{13, 5};
template <> constexpr place documented<target::rdna4>{14, 5};
template <> constexpr place documented<target::sm80>{13, 2};

/// Every element of A and B has a lane, every sum exactly one, and a lane of each index is known by name.
template <class Lanes> constexpr bool complete() {
  bool operand[Lanes::index_lanes][Lanes::groups] = {};
  int sums[rows][Lanes::columns] = {};
  for (int lane = 0; lane < Lanes::wave_size; ++lane) {
    operand[Lanes::index(lane)][Lanes::group(lane)] = true;
    for (int r = 0; r < Lanes::sums; ++r) {
      if (Lanes::sum_slot(r) >= Lanes::column_slots) return false;
      const place at = place_of<Lanes>(lane, r);
      ++sums[at.row][at.column];
    }
  }
  for (int i = 0; i < Lanes::index_lanes; ++i) {
    if (Lanes::index(Lanes::lane_of_index(i)) != i) return false;
    for (int g = 0; g < Lanes::groups; ++g)
      if (!operand[i][g]) return false;
  }
  for (const auto& row : sums)
    for (const int holders : row)
      if (holders != 1) return false;
  return Lanes::index_lanes * Lanes::rows_per_lane == rows;
}

/// The lanes of one index hold every token of the transposed tiles, once or as often as they hold everything.
template <class Lanes> constexpr bool tokens_complete() {
  int times[Lanes::index_lanes][rows * Lanes::score_tiles] = {};
  for (int lane = 0; lane < Lanes::wave_size; ++lane)
    for (int e = 0; e < Lanes::depth_per_lane; ++e) ++times[Lanes::index(lane)][Lanes::token(lane, e)];
  for (const auto& of_index : times)
    for (const int n : of_index)
      if (n != Lanes::wave_size / (Lanes::index_lanes * Lanes::groups)) return false;
  return true;
}

TEST_CASE_TEMPLATE_DEFINE("lane maps are complete and those of the manuals", Subject, lane_maps) {
  using lanes = typename Subject::lanes;
  static_assert(lanes::wave_size == Subject::target::wave_size);
  static_assert(complete<lanes>(), "an element or a sum has no lane, or two");
  static_assert(tokens_complete<lanes>(), "transpose() loses a token");
  CHECK(place_of<lanes>(21, lanes::sums - 2) == documented<typename Subject::target>);
}
TEST_CASE_TEMPLATE_APPLY(lane_maps, subjects);

/// How matrices become operands: rows and columns by the lane map, the depth as `depth_of(e)` says.
template <class Subject> struct loader {
  using element = typename Subject::element;
  using lanes = typename Subject::lanes;
  static constexpr int run = lanes::depth_per_lane;

  template <class DepthOf>
  static PARAGON_DEVICE mma::a_fragment<lanes> a(const element* matrix, int stride, const DepthOf& depth_of) {
    mma::a_fragment<lanes> result{};
    PARAGON_UNROLL
    for (int i = 0; i < lanes::rows_per_lane * run; ++i) {
      const int row = lanes::index(Subject::wave::lane()) + lanes::index_lanes * (i / run);
      put(result.word, i, matrix[row * stride + depth_of(i % run)]);
    }
    return result;
  }
  template <class DepthOf>
  static PARAGON_DEVICE mma::b_fragment<lanes> b(const element* matrix, const DepthOf& depth_of) {
    mma::b_fragment<lanes> result{};
    PARAGON_UNROLL
    for (int e = 0; e < run; ++e)
      put(result.word, e, matrix[depth_of(e) * lanes::columns + lanes::index(Subject::wave::lane())]);
    return result;
  }

 private:
  static PARAGON_DEVICE void put(std::uint32_t* words, int i, element value) {
    constexpr int bits = 8 * sizeof(element), per_word = 32 / bits;
    words[i / per_word] |= static_cast<std::uint32_t>(value.bits) << (bits * (i % per_word));
  }
};

/// S = start + A B over `steps` times the atom's depth, and O = next * S as `transpose` rounds it, whose depth are the
/// rows of S.
template <class Subject> struct products_kernel {
  using element = typename Subject::element;
  using lanes = typename Subject::lanes;
  using sums_type = mma::sum_fragment<lanes>;
  struct arguments {
    const element* a;     ///< [score_rows][depth * steps]
    const element* b;     ///< [depth * steps][columns]
    const float* start;   ///< [score_rows][columns]
    const element* next;  ///< [rows][score_rows]
    paragon::heads_view<float> product, chained;
    int steps;
  };
  using target = typename Subject::target;
  using kv = element;
  using atom = typename Subject::atom;
  static constexpr int max_waves = 1;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte*) {
    const auto token_of = [&](int e) { return lanes::token(Subject::wave::lane(), e); };
    const auto next = loader<Subject>::a(arguments.next, Subject::score_rows, token_of);
    sums_type chained{};
    if constexpr (lanes::score_tiles == 2)
      atom::multiply(chained, next, atom::transpose(product(arguments, 0), product(arguments, 1)));
    else
      atom::multiply(chained, next, atom::transpose(product(arguments, 0)));
    write(chained, arguments.chained, 0);
  }

  /// Rows [16 * tile, 16 * tile + 16) of S, which are also written.
  static PARAGON_DEVICE sums_type product(const arguments& arguments, int tile) {
    constexpr int depth = Subject::depth;
    const int lane = Subject::wave::lane();
    sums_type sums;
    PARAGON_UNROLL
    for (int r = 0; r < lanes::sums; ++r) {
      const place at = place_of<lanes>(lane, r);
      sums.value[r] = arguments.start[(rows * tile + at.row) * lanes::columns + at.column];
    }
    const auto depth_of = [&](int step) {
      return [=](int e) { return step * depth + lanes::group(lane) * lanes::depth_per_lane + e; };
    };
    const int stride = depth * arguments.steps;
    const auto a = [&](int step) {
      return loader<Subject>::a(arguments.a + rows * tile * stride, stride, depth_of(step));
    };
    const auto b = [&](int step) { return loader<Subject>::b(arguments.b, depth_of(step)); };
    int step = 0;
    if constexpr (mma::multiplies_two<atom>)
      for (; step + 1 < arguments.steps; step += 2)
        atom::multiply(sums, {a(step), a(step + 1)}, {b(step), b(step + 1)});
    for (; step < arguments.steps; ++step) atom::multiply(sums, a(step), b(step));
    write(sums, arguments.product, tile);
    return sums;
  }

  static PARAGON_DEVICE void write(const sums_type& sums, const paragon::heads_view<float>& to, int tile) {
    PARAGON_UNROLL
    for (int r = 0; r < lanes::sums; ++r) {
      const place at = place_of<lanes>(Subject::wave::lane(), r);
      to.data[(rows * tile + at.row) * to.token_stride + at.column] = sums.value[r];
    }
  }
};

/// Products are normal numbers, because some units flush others, and those of products still numbers of the type.
template <class T> std::vector<T> random_matrix(std::mt19937& random, int count, bool positive = false) {
  std::uniform_real_distribution<float> magnitude{0.25f, paragon::fp8_element<T> ? 0.75f : 2.0f};
  std::vector<T> values;
  for (int i = 0; i < count; ++i)
    values.push_back(T(positive || random() % 2 == 0 ? magnitude(random) : -magnitude(random)));
  return values;
}

/// Checks `got` against start + a b in float64. Products of numbers of so few bits are exact in float32, so
/// what differs is how their sum is rounded: once per term, by up to a unit in the last place of the partial sum,
/// because not every matrix unit rounds to nearest. A wrong element is off by about one part in `terms` instead.
template <class Element>
void check_product(const char* what, const guarded_output<float>& got, const std::vector<float>& start,
                   const std::vector<Element>& a, const std::vector<Element>& b) {
  const int columns = got.dim(), terms = static_cast<int>(b.size()) / columns;
  int wrong = 0;
  for (int row = 0; row < static_cast<int>(a.size()) / terms; ++row)
    for (int column = 0; column < columns; ++column) {
      double sum = start[size(row * columns + column)], mass = std::abs(sum);
      for (int k = 0; k < terms; ++k) {
        const double term = static_cast<double>(static_cast<float>(a[size(row * terms + k)])) *
                            static_cast<double>(static_cast<float>(b[size(k * columns + column)]));
        sum += term;
        mass += std::abs(term);
      }
      wrong += !(std::abs(static_cast<double>(got.row(row, 0)[column]) - sum) <= (terms + 1) * 0x1p-23 * mass);
    }
  CAPTURE(what);
  CHECK(wrong == 0);
  CHECK(got.written_outside([](int) { return true; }) == 0);
}

/// What `transpose` makes of a sum in this column. A fourth part of three terms is the first again.
template <class Subject> typename Subject::element as_operand(float sum, int column) {
  using element = typename Subject::element;
  const int term = column / Subject::distinct_columns % Subject::lanes::terms;
  for (int i = 0; i < term; ++i) sum = (sum - static_cast<float>(element{sum})) * 32.0f;
  return element{sum};
}

template <class Subject> void check_products(std::mt19937& random, int steps, bool positive) {
  using element = typename Subject::element;
  constexpr int columns = Subject::lanes::columns, depth = Subject::depth, score_rows = Subject::score_rows;
  CAPTURE(steps);
  CAPTURE(positive);
  const auto a = random_matrix<element>(random, score_rows * depth * steps, positive);
  const auto b = random_matrix<element>(random, depth * steps * columns, positive);
  const auto next = random_matrix<element>(random, rows * score_rows);
  const auto start = random_matrix<float>(random, score_rows * columns, positive);
  const device_buffer<element> device_a(a), device_b(b), device_next(next);
  const device_buffer<float> device_start(start);
  guarded_output<float> product(score_rows, 1, columns, true), chained(rows, 1, columns, true);
  run_kernel<products_kernel<Subject>>(1, 1, 0,
                                       {device_a.data(), device_b.data(), device_start.data(), device_next.data(),
                                        product.device(), chained.device(), steps});
  product.fetch();
  chained.fetch();
  check_product("start + A B", product, start, a, b);
  if (!positive) return;  // sums that cancel may round to subnormal numbers
  std::vector<element> rounded;
  for (int row = 0; row < score_rows; ++row)
    for (int column = 0; column < columns; ++column)
      rounded.push_back(as_operand<Subject>(product.row(row, 0)[column], column));
  check_product("product with a transposed one", chained, std::vector<float>(size(rows * columns)), next, rounded);
}

TEST_CASE_TEMPLATE_DEFINE("products, and products of products", Subject, products) {
  if (!Subject::runs()) return;
  const std::uint32_t seed = fresh_seed();
  INFO("PARAGON_SEED=" << seed << ", " << std::string{Subject::target::name});
  std::mt19937 random{seed};
  for (const int steps : {1, 2, 5})
    for (const bool positive : {false, true}) check_products<Subject>(random, steps, positive);
}
TEST_CASE_TEMPLATE_APPLY(products, subjects);

/// What a lane gets from the others, with addition.
template <class Subject> struct folds_kernel {
  using lanes = typename Subject::lanes;
  static constexpr int slots = lanes::column_slots;
  struct arguments {
    const float* of_part;  ///< [groups][index_lanes]: the value of a lane that holds this part of a column of B
    const float* of_slot;  ///< [wave_size][slots]
    float* over_depth;     ///< [wave_size]
    float* handed;         ///< [wave_size][slots]: over_depth of the lane's columns
    float* over_column;    ///< [wave_size][slots]
  };
  using target = typename Subject::target;
  static constexpr int max_waves = 1;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte*) {
    const auto add = [](float x, float y) { return x + y; };
    const int lane = Subject::wave::lane();
    const float part = arguments.of_part[lanes::group(lane) * lanes::index_lanes + lanes::index(lane)];
    const float over_depth = lanes::fold_depth(part, add);
    arguments.over_depth[lane] = over_depth;
    PARAGON_UNROLL
    for (int slot = 0; slot < slots; ++slot) {
      const int at = lane * slots + slot;
      arguments.handed[at] = Subject::wave::shuffle(over_depth, lanes::lane_of_index(lanes::column(lane, slot)));
      arguments.over_column[at] = lanes::fold_column(arguments.of_slot[at], add);
    }
  }
};

/// Integers whose sums float32 holds exactly, so that a lane too many, too few or twice is seen.
std::vector<float> random_integers(std::mt19937& random, int count) {
  std::vector<float> values;
  for (int i = 0; i < count; ++i) values.push_back(static_cast<float>(random() % 65536));
  return values;
}

TEST_CASE_TEMPLATE_DEFINE("folds, and the lane of an index", Subject, folds) {
  if (!Subject::runs()) return;
  using lanes = typename Subject::lanes;
  constexpr int slots = lanes::column_slots, count = lanes::wave_size;
  const std::uint32_t seed = fresh_seed();
  INFO("PARAGON_SEED=" << seed << ", " << std::string{Subject::target::name});
  std::mt19937 random{seed};
  const auto of_part = random_integers(random, lanes::groups * lanes::index_lanes);
  const auto of_slot = random_integers(random, count * slots);
  const device_buffer<float> device_parts(of_part), device_slots(of_slot);
  device_buffer<float> over_depth(size(count)), handed(size(count * slots)), over_column(size(count * slots));
  run_kernel<folds_kernel<Subject>>(
      1, 1, 0, {device_parts.data(), device_slots.data(), over_depth.data(), handed.data(), over_column.data()});

  const auto of_index = [&](int index) {
    float sum = 0.0f;
    for (int g = 0; g < lanes::groups; ++g) sum += of_part[size(g * lanes::index_lanes + index)];
    return sum;
  };
  std::vector<float> depth_sums, handed_sums, column_sums;
  for (int lane = 0; lane < count; ++lane) {
    depth_sums.push_back(of_index(lanes::index(lane)));
    for (int slot = 0; slot < slots; ++slot) {
      handed_sums.push_back(of_index(lanes::column(lane, slot)));
      float sum = 0.0f;
      for (int other = 0; other < count; ++other)
        if (lanes::column(other, slot) == lanes::column(lane, slot)) sum += of_slot[size(other * slots + slot)];
      column_sums.push_back(sum);
    }
  }
  CHECK(over_depth.download() == depth_sums);
  CHECK(handed.download() == handed_sums);
  CHECK(over_column.download() == column_sums);
}
TEST_CASE_TEMPLATE_APPLY(folds, subjects);

}  // namespace atom_test
