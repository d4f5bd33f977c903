#include "hostcall.hpp"

namespace hip_sim {
namespace {

// A message: one word of flags, the format, and the arguments, all in words of 64 bits; texts end in a zero byte.
class message_reader {
 public:
  explicit message_reader(const std::vector<uint64_t>& words) : words_(words) {}

  bool is_at_end() const { return at_ >= words_.size(); }
  uint64_t word() { return is_at_end() ? 0 : words_[at_++]; }
  std::string text() {
    const auto* begin = reinterpret_cast<const char*>(words_.data() + at_);
    const size_t length = strnlen(begin, (words_.size() - at_) * sizeof(uint64_t));
    at_ += length / sizeof(uint64_t) + 1;
    return {begin, length};
  }

 private:
  const std::vector<uint64_t>& words_;
  size_t at_ = 0;
};

template <class T> std::string formatted(const std::string& specification, T value) {
  std::vector<char> text(static_cast<size_t>(std::snprintf(nullptr, 0, specification.c_str(), value)) + 1);
  std::snprintf(text.data(), text.size(), specification.c_str(), value);
  return text.data();
}

// Every argument is 64 bits wide: integers are cut to the type that the specification names.
template <class Wide, class Int, class Short, class Char> Wide cut(uint64_t value, const std::string& length) {
  if (length.find_first_of("lzjt") != std::string::npos) return static_cast<Wide>(value);
  if (length == "hh") return static_cast<Char>(value);
  if (length == "h") return static_cast<Short>(value);
  return static_cast<Int>(value);
}

// `specification` is what stands between the percent sign and the conversion.
std::string convert(const std::string& specification, char conversion, message_reader& from) {
  std::string kept = "%", length;
  for (char c : specification) {
    if (c == '*') {
      kept += std::to_string(static_cast<int>(from.word()));
    } else if (std::strchr("hlLjzt", c) != nullptr) {
      length += c;
    } else {
      kept += c;
    }
  }
  if (from.is_at_end()) return "(missing)";
  if (conversion == 's') return formatted(kept + 's', from.text().c_str());
  const uint64_t value = from.word();
  switch (conversion) {
    case 'n':
      return "";
    case 'c':
      return formatted(kept + 'c', static_cast<int>(value));
    case 'p':
      return formatted(kept + 'p', reinterpret_cast<void*>(value));
    case 'd':
    case 'i':
      return formatted(kept + "lld", cut<long long, int, short, signed char>(value, length));
    case 'o':
    case 'u':
    case 'x':
    case 'X':
      return formatted(kept + "ll" + conversion,
                       cut<unsigned long long, unsigned, unsigned short, unsigned char>(value, length));
    default: {
      double number;
      std::memcpy(&number, &value, sizeof number);
      return formatted(kept + conversion, number);
    }
  }
}

uint64_t print(const std::vector<uint64_t>& message) {
  message_reader from(message);
  FILE* out = (from.word() & 1) != 0 ? stderr : stdout;
  const std::string format = from.text();
  std::string line;
  for (size_t i = 0; i < format.size();) {
    const size_t percent = std::min(format.find('%', i), format.size());
    line += format.substr(i, percent - i);
    if (percent == format.size()) break;
    const size_t end = format.find_first_of("diouxXfFeEgGaAcspn%", percent + 1);
    if (end == std::string::npos) break;
    line += format[end] == '%' ? "%" : convert(format.substr(percent + 1, end - percent - 1), format[end], from);
    i = end + 1;
  }
  std::fwrite(line.data(), 1, line.size(), out);
  return line.size();
}

}  // namespace

void device_printer::take(uint64_t* slots) {
  constexpr uint64_t begins = 1, ends = 2;
  // Bits 5 to 7: how many words the packet carries. From bit 8 on: the message's number.
  if ((slots[0] & begins) != 0) {
    slots[0] = (slots[0] & 0xfe) | next_ << 8;
    open_[next_++].clear();
  }
  const auto message = open_.find(slots[0] >> 8);
  if (message == open_.end()) return;
  message->second.insert(message->second.end(), slots + 1, slots + 1 + (slots[0] >> 5 & 7));
  if ((slots[0] & ends) == 0) return;
  slots[0] = print(message->second);
  open_.erase(message);
}

}  // namespace hip_sim
