// Offload bundles: the code objects that a program or a file carries.
#pragma once

#include "hip.hpp"

namespace hip_sim {

struct code_object {
  std::string target;  ///< "gfx942:sramecc+:xnack-"; empty: a bare one, for the processor that its header names
  const char* data = nullptr;
  size_t size = 0;
};

struct image {
  std::vector<std::shared_ptr<std::vector<char>>> storage;  ///< what the code objects lie in, if it is not the program
  std::vector<code_object> objects;
};

/// Reads a bundle, compressed or not, or a bare code object. A size of 0: not known.
hipError_t read_image(const void* data, size_t size, image& out, std::string& why_not);

/// The code object that fits the simulated processor best, or the bare one; null, with a reason, if none does. If no
/// processor was chosen yet, that of the first code object is.
const code_object* choose(const image& from, std::string& why_not);

}  // namespace hip_sim
