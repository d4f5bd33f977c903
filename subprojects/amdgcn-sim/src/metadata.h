// The metadata of a code object: MessagePack, as far as its note needs it.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sim {
struct metadata {
  enum { nothing, integer, string, array, map } kind = nothing;
  int64_t number = 0;
  std::string text;
  std::vector<metadata> elements;
  std::map<std::string, metadata> fields;

  const metadata* find(const char* name) const;
  int64_t number_of(const char* name, int64_t otherwise = 0) const;
  std::string text_of(const char* name) const;
};

/// Throws std::runtime_error.
metadata parse_metadata(const uint8_t* start, size_t size);
}  // namespace sim
