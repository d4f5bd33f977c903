#pragma once

#include <cstdint>
#include <paragon/platform/platform.hpp>
#include <paragon/types.hpp>

/// Matrix atoms: one contract over the matrix instructions of every target.
///
/// An atom multiplies a tile A of 16 rows by a tile B of `columns` columns over a depth of 16 or 32 and adds the
/// product to float32 sums. In attention the rows of A are tokens (scores, S^T = K Q^T) or dims (output, O^T = V^T
/// P^T), and the columns of B are query rows. The order of the depth is free as long as A and B agree, so an atom does
/// not say which physical depth index an element has, only which lanes hold elements of the same depth.
///
/// The lane map of a target (cdna_lanes, rdna3_lanes, ...) is a set of constexpr functions and constants.
/// - columns: of B.
/// - index_lanes, index(lane): a lane holds the rows index + index_lanes * s, s < rows_per_lane, of A, and column index
///   of B.
/// - groups, group(lane): lanes of one index split the depth into `groups` parts of `depth_per_lane` elements, which
///   take `depth_words` registers.
/// - sums: float32 sums per lane. Sum r of a lane belongs to row sum_index(lane, r) + index_lanes * sum_sub_row(r) and
///   to column column(lane, sum_slot(r)), sum_slot(r) < column_slots.
/// - score_tiles: score tiles, one after the other, whose tokens are the depth of one multiplication.
/// - token(lane, e): the row of these whose probability `transpose` puts into element e of the lane.
/// - terms: columns of B that hold one column of numbers, 1 to 3 (split.hpp).
/// - fold_column(v, op), fold_depth(v, op): combine v over the lanes that hold sums of the same column, and over those
///   that hold the same column of B.
namespace paragon::mma {

/// The registers a lane holds of A (`rows_per_lane` runs of `depth_per_lane` elements), of B (one run) and of the
/// product.
template <class Lanes> struct a_fragment { std::uint32_t word[Lanes::rows_per_lane * Lanes::depth_words]; };
template <class Lanes> struct b_fragment { std::uint32_t word[Lanes::depth_words]; };
template <class Lanes> struct sum_fragment { float value[Lanes::sums]; };

/// As an atom's element: fp8 of type `Element` in A, sums of `Terms` such numbers in B (split.hpp).
template <class Element, int Terms> struct fp8_terms {};

/// Matrix atom of a target for 16-bit elements (`fp16` or `bf16`) or, where the target multiplies it, fp8
/// (`fp8_terms`); specialised per instruction family. `element` is what A holds.
/// - multiply(sums, a, b): sums += A B. Where a device of the target has an instruction of twice the depth, also with
///   two fragments each for a and b: sums += A0 B0 + A1 B1.
/// - transpose(p...): an operand B whose depth is the token, from probabilities of `score_tiles` tiles in the layout of
///   the sums.
template <class Target, class Element> struct atom;

/// Whether an atom multiplies two fragments at once.
template <class Atom>
concept multiplies_two = requires(sum_fragment<typename Atom::lanes> sums, a_fragment<typename Atom::lanes> (&a)[2],
                                  b_fragment<typename Atom::lanes> (&b)[2]) {
  Atom::multiply(sums, a, b);
};

}  // namespace paragon::mma

#if PARAGON_PLATFORM_HOST
namespace paragon::mma {

/// Host model of an atom: gathers A and B from the lanes by the lane map, multiplies in float32, scatters the sums.
template <class Lanes, class Element>
void multiply_on_host(sum_fragment<Lanes>& sums, const a_fragment<Lanes>& a, const b_fragment<Lanes>& b) {
  struct operands {
    sum_fragment<Lanes>* sums;
    const a_fragment<Lanes>* a;
    const b_fragment<Lanes>* b;
  };
  operands mine{&sums, &a, &b};
  platform::collective<Lanes::wave_size>(mine, [](std::array<operands*, Lanes::wave_size>& lanes) {
    constexpr int rows = Lanes::index_lanes * Lanes::rows_per_lane, depth = Lanes::groups * Lanes::depth_per_lane;
    constexpr int run = Lanes::depth_words, per_word = 4 / sizeof(Element), bits = 32 / per_word;
    const auto element = [](const std::uint32_t* words, int i) {
      using code = decltype(Element::bits);
      return static_cast<float>(Element::from_bits(static_cast<code>(words[i / per_word] >> (bits * (i % per_word)))));
    };
    float a_tile[depth][rows], b_tile[depth][Lanes::columns];
    for (int lane = 0; lane < Lanes::wave_size; ++lane) {
      const int index = Lanes::index(lane);
      for (int e = 0; e < Lanes::depth_per_lane; ++e) {
        const int k = Lanes::group(lane) * Lanes::depth_per_lane + e;
        for (int s = 0; s < Lanes::rows_per_lane; ++s)
          a_tile[k][index + s * Lanes::index_lanes] = element(lanes[lane]->a->word + s * run, e);
        b_tile[k][index] = element(lanes[lane]->b->word, e);
      }
    }
    float product[rows][Lanes::columns] = {};
    for (int k = 0; k < depth; ++k)
      for (int row = 0; row < rows; ++row)
        for (int column = 0; column < Lanes::columns; ++column)
          product[row][column] += a_tile[k][row] * b_tile[k][column];
    for (int lane = 0; lane < Lanes::wave_size; ++lane)
      for (int r = 0; r < Lanes::sums; ++r)
        lanes[lane]->sums->value[r] += product[Lanes::sum_index(lane, r) + Lanes::index_lanes * Lanes::sum_sub_row(r)]
                                              [Lanes::column(lane, Lanes::sum_slot(r))];
  });
}

}  // namespace paragon::mma
#endif
