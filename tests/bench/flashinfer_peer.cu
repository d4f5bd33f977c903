/// FlashInfer's two ways to decode from a paged cache, planned and launched as its Python module does it
/// (BatchDecodeWithPagedKVCacheWrapper without and with use_tensor_cores), on the memory that decode was timed on.

#include <bench/peer.hpp>
#include <bench/timing.hpp>
#include <cstdio>
#include <flashinfer/attention/decode.cuh>
#include <flashinfer/attention/default_decode_params.cuh>
#include <flashinfer/attention/default_prefill_params.cuh>
#include <flashinfer/attention/prefill.cuh>
#include <flashinfer/attention/scheduler.cuh>
#include <flashinfer/attention/variants.cuh>
#include <stdexcept>
#include <support/device_vector.hpp>

namespace paragon_bench {

using namespace flashinfer;  // its dispatch macros name what lies in it
using examples::device_vector;
using examples::device_memory::expect;

namespace {

constexpr int dim = PARAGON_BENCH_HEAD_DIM;
constexpr auto no_encoding = PosEncodingMode::kNone;
using attention = DefaultAttention<false, false, false, false>;  // no mask, window, soft cap or alibi

/// As large as its documentation advises.
struct buffers {
  device_vector<std::byte> floats{std::size_t{128} << 20}, ints{std::size_t{8} << 20};
  std::vector<std::byte> host_ints = std::vector<std::byte>(ints.size());
};

/// What the parameters of both kernels have in common. They take pointers to what they only read, too.
template <class Params> Params parameters_of(const peer_call& call, std::size_t set) {
  using KV = typename Params::DTypeKV;
  const auto table = [](const std::int32_t* p) { return const_cast<std::int32_t*>(p); };
  Params p;
  p.q = static_cast<typename Params::DTypeQ*>(const_cast<void*>(call.query));
  p.o = static_cast<typename Params::DTypeO*>(call.out);
  p.paged_kv = paged_kv_t<KV, std::int32_t>(
      static_cast<std::uint32_t>(call.of.kv_heads), static_cast<std::uint32_t>(call.of.page_size), dim,
      static_cast<std::uint32_t>(call.host.last_page_len.size()), QKVLayout::kNHD,
      static_cast<KV*>(const_cast<void*>(call.keys[set])), static_cast<KV*>(const_cast<void*>(call.values[set])),
      table(call.indices), table(call.indptr), table(call.last_page_len));
  p.num_qo_heads = static_cast<std::uint32_t>(call.of.query_heads);
  p.q_stride_n = call.of.query_heads * dim;
  p.q_stride_h = dim;
  p.window_left = -1;
  p.sm_scale = call.score_scale;
  return p;
}

template <class T> T* at(device_vector<std::byte>& memory, std::int64_t offset) {
  return reinterpret_cast<T*>(memory.data() + offset);
}

template <class Query, class KV> struct cuda_cores {
  static constexpr const char* name = "FlashInfer's CUDA-core decode";
  using params = BatchDecodeParams<Query, KV, Query, std::int32_t>;

  const peer_call& call;
  buffers& memory;
  DecodePlanInfo info;

  cuda_cores(const peer_call& given, buffers& scratch) : call{given}, memory{scratch} { expect(plan()); }

  cudaError_t plan() {
    std::vector<std::int32_t> indptr = call.host.indptr;
    const auto heads = static_cast<std::uint32_t>(call.of.query_heads);
    cudaError_t planned = cudaSuccess;
    DISPATCH_GQA_GROUP_SIZE(call.of.query_heads / call.of.kv_heads, GROUP_SIZE, {
      planned = DecodePlan<dim, no_encoding, attention, params>(
          memory.floats.data(), memory.floats.size(), memory.ints.data(), memory.host_ints.data(), memory.ints.size(),
          info, indptr.data(), static_cast<std::uint32_t>(call.host.last_page_len.size()), heads,
          static_cast<std::uint32_t>(call.of.page_size), /*enable_cuda_graph=*/false, nullptr,
          BatchDecodeWithPagedKVCacheWorkEstimationDispatched<GROUP_SIZE, dim, no_encoding, attention, params>);
    });
    return planned;
  }

  cudaError_t launch(std::size_t set, bool overlap, cudaStream_t stream) {
    params p = parameters_of<params>(call, set);
    p.request_indices = at<std::int32_t>(memory.ints, info.request_indices_offset);
    p.kv_tile_indices = at<std::int32_t>(memory.ints, info.kv_tile_indices_offset);
    p.o_indptr = at<std::int32_t>(memory.ints, info.o_indptr_offset);
    p.kv_chunk_size_ptr = at<std::int32_t>(memory.ints, info.kv_chunk_size_ptr_offset);
    p.padded_batch_size = static_cast<std::uint32_t>(info.padded_batch_size);
    return BatchDecodeWithPagedKVCacheDispatched<dim, no_encoding, attention>(
        p, info.split_kv ? at<Query>(memory.floats, info.v_offset) : nullptr,
        info.split_kv ? at<float>(memory.floats, info.s_offset) : nullptr, overlap, stream);
  }
};

template <class Query, class KV> struct tensor_cores {
  static constexpr const char* name = "FlashInfer's tensor-core decode";
  using params = BatchPrefillPagedParams<Query, KV, Query, std::int32_t>;

  const peer_call& call;
  buffers& memory;
  device_vector<std::int32_t> query_indptr;
  PrefillPlanInfo info;

  static std::vector<std::int32_t> one_each(std::size_t requests) {
    std::vector<std::int32_t> indptr(requests + 1);
    std::iota(indptr.begin(), indptr.end(), 0);
    return indptr;
  }

  tensor_cores(const peer_call& given, buffers& scratch)
      : call{given}, memory{scratch}, query_indptr{one_each(given.host.last_page_len.size())} {
    std::vector<std::int32_t> rows = one_each(call.host.last_page_len.size()), indptr = call.host.indptr;
    const auto requests = static_cast<std::uint32_t>(call.host.last_page_len.size());
    expect(PrefillPlan<std::int32_t>(
        memory.floats.data(), memory.floats.size(), memory.ints.data(), memory.host_ints.data(), memory.ints.size(),
        info, rows.data(), indptr.data(), requests, requests, static_cast<std::uint32_t>(call.of.query_heads),
        static_cast<std::uint32_t>(call.of.kv_heads), dim, dim, static_cast<std::uint32_t>(call.of.page_size),
        /*enable_cuda_graph=*/false, sizeof(Query), /*window_left=*/-1, /*fixed_split_size=*/-1,
        /*disable_split_kv=*/false, /*num_colocated_ctas=*/0, /*uniform_q_len=*/0, nullptr, sizeof(KV)));
  }

  cudaError_t launch(std::size_t set, bool overlap, cudaStream_t stream) {
    params p = parameters_of<params>(call, set);
    p.q_indptr = query_indptr.data();
    p.group_size = uint_fastdiv(static_cast<std::uint32_t>(call.of.query_heads / call.of.kv_heads));
    p.request_indices = at<std::int32_t>(memory.ints, info.request_indices_offset);
    p.qo_tile_indices = at<std::int32_t>(memory.ints, info.qo_tile_indices_offset);
    p.kv_tile_indices = at<std::int32_t>(memory.ints, info.kv_tile_indices_offset);
    p.o_indptr = at<std::int32_t>(memory.ints, info.o_indptr_offset);
    p.kv_chunk_size_ptr = at<std::int32_t>(memory.ints, info.kv_chunk_size_ptr_offset);
    if (info.split_kv) p.merge_indptr = at<std::int32_t>(memory.ints, info.merge_indptr_offset);
    p.padded_batch_size = static_cast<std::uint32_t>(info.padded_batch_size);
    p.max_total_num_rows = static_cast<std::uint32_t>(info.total_num_rows);
    Query* partial = info.split_kv ? at<Query>(memory.floats, info.v_offset) : nullptr;
    float* sums = info.split_kv ? at<float>(memory.floats, info.s_offset) : nullptr;
    const auto with_tile = [&]<std::uint32_t Tile>() {
      return BatchPrefillWithPagedKVCacheDispatched<true, Tile, dim, dim, no_encoding, false, MaskMode::kNone,
                                                    attention>(p, partial, sums, overlap, stream);
    };
    if (info.cta_tile_q == 16) return with_tile.template operator()<16>();
    if (info.cta_tile_q == 64) return with_tile.template operator()<64>();
    throw std::runtime_error{"more than 64 query heads to a KV head are not compiled here"};
  }
};

/// The shorter of its times without and with programmatic dependent launch, by which the next kernel's prologue
/// overlaps this one's end; the Python module turns it on where the GPU has it. None, and why on stderr, if FlashInfer
/// refuses the shape.
template <class Kernel> std::optional<double> time_of(const peer_call& call, buffers& memory) {
  const std::size_t out_bytes = call.host.last_page_len.size() * static_cast<std::size_t>(call.of.query_heads) * dim *
                                sizeof(typename Kernel::params::DTypeO);
  std::optional<double> best;
  try {
    Kernel kernel{call, memory};
    for (const bool overlap : {false, true}) {
      expect(cudaMemset(call.out, 0xff, out_bytes));  // nothing of another kernel is left in it
      expect(kernel.launch(call.keys.size() - 1, overlap, nullptr));
      examples::device_memory::synchronize();
      call.check_out(Kernel::name);
      const double time = median_time(static_cast<int>(call.keys.size()), [&](int i, cudaStream_t stream) {
        expect(kernel.launch(static_cast<std::size_t>(i), overlap, stream));
      });
      best = best ? std::min(*best, time) : time;
    }
  } catch (const std::exception& error) {
    static_cast<void>(cudaGetLastError());  // a launch that was refused has been dealt with
    std::fprintf(stderr, "%s: %s\n", Kernel::name, error.what());
  }
  return best;
}

template <class Query, class KV> std::optional<double> fastest(const peer_call& call) {
  buffers memory;
  const auto first = time_of<cuda_cores<Query, KV>>(call, memory);
  const auto second = time_of<tensor_cores<Query, KV>>(call, memory);
  return first && second ? std::min(first, second) : first ? first : second;
}

}  // namespace

template <int HeadDim> std::optional<double> peer_time(const peer_call& call) {
  static_assert(HeadDim == dim);
  const std::string kv = call.of.kv;
  if (kv == "fp8") return fastest<__nv_bfloat16, __nv_fp8_e4m3>(call);
  if (kv == "bf16") return fastest<__nv_bfloat16, __nv_bfloat16>(call);
  if constexpr (dim == 128) return fastest<__half, __half>(call);
  return std::nullopt;
}

template std::optional<double> peer_time<dim>(const peer_call& call);

}  // namespace paragon_bench
