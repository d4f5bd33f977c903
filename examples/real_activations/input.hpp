#pragma once

#include <algorithm>
#include <cstdio>
#include <paragon/types.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "batch.hpp"
#include "support/safetensors.hpp"

/// What the data file says about the model as a whole.
struct model_info {
  std::string name;
  std::string text;
  std::vector<int> layers;
  float softmax_scale;
  int query_heads;
  int kv_heads;
  int head_dim;
};

/// What one layer's attention reads in one decode step of a batch.
struct layer_input {
  int layer;
  std::vector<paragon::fp16> query;  ///< [requests, query heads, head dim]
  std::vector<paragon::fp16> key;    ///< [tokens of all requests, KV heads, head dim]
  std::vector<paragon::fp16> value;  ///< likewise
};

inline examples::fp16_tensor layer_tensor(const examples::safetensors& file, int layer, const char* kind) {
  char name[32];
  std::snprintf(name, sizeof name, "layer_%02d.%s", layer, kind);
  examples::fp16_tensor tensor = file.fp16(name);
  if (tensor.shape.size() != 3) throw examples::safetensors_error{std::string{name} + " is not [token, head, dim]"};
  return tensor;
}

inline model_info load_model_info(const examples::safetensors& file) {
  model_info model{
      file.metadata("model"), file.metadata("text"), {}, std::stof(file.metadata("softmax_scale")), 0, 0, 0};
  std::istringstream layers{file.metadata("layers")};
  for (std::string layer; std::getline(layers, layer, ',');) model.layers.push_back(std::stoi(layer));
  const auto query = layer_tensor(file, model.layers.at(0), "query").shape;
  model.query_heads = static_cast<int>(query[1]);
  model.kv_heads = static_cast<int>(layer_tensor(file, model.layers[0], "key").shape[1]);
  model.head_dim = static_cast<int>(query[2]);
  return model;
}

/// Every request is a prefix of the text: its keys and values are those of the prefix, its query is that of the
/// prefix's last token.
inline layer_input load_layer(const examples::safetensors& file, const model_info& model, int layer,
                              const ragged_batch& batch) {
  const auto load = [&](const char* kind, int heads) {
    examples::fp16_tensor tensor = layer_tensor(file, layer, kind);
    const int longest = *std::max_element(batch.lengths.begin(), batch.lengths.end());
    if (tensor.shape[0] < longest || tensor.shape[1] != heads || tensor.shape[2] != model.head_dim) {
      throw examples::safetensors_error{"layer " + std::to_string(layer) + " has a " + kind + " of another shape"};
    }
    return tensor.values;
  };
  const auto query = load("query", model.query_heads);
  const auto key = load("key", model.kv_heads);
  const auto value = load("value", model.kv_heads);

  layer_input input{layer, {}, {}, {}};
  const auto append = [](std::vector<paragon::fp16>& rows, auto tensor, int begin, int end, int row) {
    rows.insert(rows.end(), tensor.begin() + begin * row, tensor.begin() + end * row);
  };
  for (const int length : batch.lengths) {
    append(input.query, query, length - 1, length, model.query_heads * model.head_dim);
    append(input.key, key, 0, length, model.kv_heads * model.head_dim);
    append(input.value, value, 0, length, model.kv_heads * model.head_dim);
  }
  return input;
}
