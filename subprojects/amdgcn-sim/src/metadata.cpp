#include "metadata.h"

#include <stdexcept>

namespace sim {
namespace {
class reader {
 public:
  reader(const uint8_t* start, const uint8_t* end) : at(start), end(end) {}

  metadata read() {
    const unsigned tag = unsigned(big_endian(1));
    if (tag < 0x80) return number(tag);
    if (tag < 0x90) return map(tag & 15);
    if (tag < 0xa0) return array(tag & 15);
    if (tag < 0xc0) return text(tag & 31);
    if (tag >= 0xe0) return number(int8_t(tag));
    if (tag == 0xc0) return {};
    if (tag == 0xc2 || tag == 0xc3) return number(tag & 1);
    if (tag >= 0xc4 && tag <= 0xc6) return text(big_endian(1 << (tag - 0xc4)));  // binary
    if (tag >= 0xcc && tag <= 0xcf) return number(int64_t(big_endian(1 << (tag - 0xcc))));
    if (tag >= 0xd0 && tag <= 0xd3) return signed_number(1 << (tag - 0xd0));
    if (tag >= 0xd9 && tag <= 0xdb) return text(big_endian(1 << (tag - 0xd9)));
    if (tag == 0xdc || tag == 0xdd) return array(big_endian(2 << (tag - 0xdc)));
    if (tag == 0xde || tag == 0xdf) return map(big_endian(2 << (tag - 0xde)));
    throw std::runtime_error("metadata: unexpected type");
  }

 private:
  const uint8_t *at, *end;

  void need(size_t size) const {
    if (size_t(end - at) < size) throw std::runtime_error("metadata: truncated");
  }
  uint64_t big_endian(int bytes) {
    need(size_t(bytes));
    uint64_t value = 0;
    while (bytes--) value = value << 8 | *at++;
    return value;
  }
  metadata signed_number(int bytes) {
    const int unused = 64 - 8 * bytes;
    return number(int64_t(big_endian(bytes) << unused) >> unused);
  }
  static metadata number(int64_t value) {
    metadata result;
    result.kind = metadata::integer;
    result.number = value;
    return result;
  }
  metadata text(size_t size) {
    need(size);
    metadata result;
    result.kind = metadata::string;
    result.text.assign(reinterpret_cast<const char*>(at), size);
    at += size;
    return result;
  }
  metadata array(size_t size) {
    metadata result;
    result.kind = metadata::array;
    while (size--) result.elements.push_back(read());
    return result;
  }
  metadata map(size_t size) {
    metadata result;
    result.kind = metadata::map;
    while (size--) {
      const std::string key = read().text;
      result.fields[key] = read();
    }
    return result;
  }
};
}  // namespace

const metadata* metadata::find(const char* name) const {
  const auto it = fields.find(name);
  return it == fields.end() ? nullptr : &it->second;
}

int64_t metadata::number_of(const char* name, int64_t otherwise) const {
  const metadata* value = find(name);
  return value ? value->number : otherwise;
}

std::string metadata::text_of(const char* name) const {
  const metadata* value = find(name);
  return value ? value->text : std::string();
}

metadata parse_metadata(const uint8_t* start, size_t size) { return reader(start, start + size).read(); }
}  // namespace sim
