#pragma once

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace paragon {

/// Why a call was refused.
enum class status_code {
  ok,
  null_pointer,         ///< a pointer that the call needs is null
  bad_shape,            ///< a count or extent is outside what the operation is defined for
  bad_stride,           ///< a stride lets rows overlap, or breaks the alignment that loads need
  misaligned,           ///< a base address breaks the alignment that loads need
  bad_scale,            ///< a scale is not finite or not positive
  workspace_too_small,  ///< the message says how many bytes are needed
  unsupported_dtype,    ///< a dtype name or combination that no kernel reads
  unsupported_device,   ///< the device cannot run this kernel, an fp8 format foreign to it included
  grid_limit,           ///< the launch would exceed what the device or a 32-bit index can address
  bad_table,            ///< a device-side table (indptr, page indices, last page lengths) contradicts itself
  not_in_list,          ///< a runtime request outside the configurations that were compiled
  platform_error,       ///< the HIP or CUDA runtime refused; the message carries its own words
};

/// The outcome of a host call: success, or a code and a sentence that names the offending value and what is allowed.
/// The sentence lives inside, so a status allocates nothing, outlives its cause and is copied like an integer.
class [[nodiscard]] status {
 public:
  /// Success.
  constexpr status() = default;

  static constexpr status success() { return {}; }

  /// A refusal. `format` and what follows are printf's. A sentence longer than the space ends in "...".
  /// Precondition: `code` is not `status_code::ok`.
  [[gnu::format(printf, 2, 3)]] static status failure(status_code code, const char* format, ...) {
    status result;
    result.code_ = code;
    std::va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(result.message_, sizeof(message_), format, arguments);
    va_end(arguments);
    constexpr char ellipsis[] = "...";
    if (length >= static_cast<int>(sizeof(message_))) {
      std::memcpy(result.message_ + sizeof(message_) - sizeof(ellipsis), ellipsis, sizeof(ellipsis));
    }
    return result;
  }

  [[nodiscard]] constexpr status_code code() const { return code_; }
  [[nodiscard]] constexpr bool ok() const { return code_ == status_code::ok; }
  constexpr explicit operator bool() const { return ok(); }

  /// The sentence, without a newline; empty on success. Valid as long as this status.
  [[nodiscard]] constexpr const char* message() const { return message_; }

 private:
  status_code code_ = status_code::ok;
  char message_[512] = {};
};

}  // namespace paragon
