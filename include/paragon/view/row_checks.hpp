#pragma once

#include <algorithm>
#include <cstdint>
#include <paragon/view/heads.hpp>
#include <paragon/view/layout.hpp>

/// What the host can know to be wrong about tensors of rows. `what` names the tensor in the sentence, in the plural.
namespace paragon::detail {

inline status check_pointer(const void* pointer, const char* what) {
  if (pointer == nullptr) return status::failure(status_code::null_pointer, "the pointer to %s is null", what);
  return status::success();
}

/// One index of a tensor of rows: its stride in elements and how many values it takes.
struct row_axis {
  const char* name;
  std::int64_t stride;
  std::int64_t count;
};

/// No two rows of `dim` elements overlap: from the smallest stride on, the rows of an axis end before the next stride.
template <int Axes> status check_rows_are_apart(const row_axis (&given)[Axes], int dim, const char* what) {
  row_axis axes[Axes];
  std::copy(given, given + Axes, axes);
  std::sort(axes, axes + Axes, [](const row_axis& a, const row_axis& b) { return a.stride < b.stride; });
  std::int64_t covered = dim;
  for (const row_axis& axis : axes) {
    if (axis.count <= 1) continue;
    if (axis.stride < covered)
      return status::failure(status_code::bad_stride,
                             "the %s stride of %s is %lld; their rows overlap unless it is at least %lld", axis.name,
                             what, static_cast<long long>(axis.stride), static_cast<long long>(covered));
    covered += axis.stride * (axis.count - 1);
  }
  return status::success();
}

/// K, V or factors of a paged cache.
inline status check_rows_are_apart(const page_strides& strides, const kv_shape& shape, int dim, const char* what) {
  const row_axis axes[] = {{"page", strides.page, shape.pages},
                           {"slot", strides.slot, shape.page_size},
                           {"head", strides.head, shape.kv_heads}};
  return check_rows_are_apart(axes, dim, what);
}

/// A tensor [tokens, heads, dim]: extents, address and strides.
template <class T> status check_rows(const heads_view<T>& view, int dim, const char* what) {
  if (view.tokens < 0 || view.heads < 1 || dim < 1)
    return status::failure(status_code::bad_shape,
                           "%s have %d tokens, %d heads and a head dim of %d; tokens must be at least 0, the others 1",
                           what, view.tokens, view.heads, dim);
  if (view.tokens > 0 && view.data == nullptr) return check_pointer(nullptr, what);
  const row_axis axes[] = {{"token", view.token_stride, view.tokens}, {"head", view.head_stride, view.heads}};
  return check_rows_are_apart(axes, dim, what);
}

/// Two tensors have the same tokens and heads.
template <class T, class U>
status check_same_rows(const heads_view<T>& view, const char* what, const heads_view<U>& other, const char* others) {
  if (view.tokens != other.tokens || view.heads != other.heads)
    return status::failure(status_code::bad_shape, "%s have %d tokens and %d heads, %s %d and %d; they must agree",
                           what, view.tokens, view.heads, others, other.tokens, other.heads);
  return status::success();
}

}  // namespace paragon::detail
