// expect: a map of channel attention may have at most 2\^24 positions on Cpu
#include <daf/cpu/channel_attention.hpp>

#ifdef DAF_FAIL
using Map = daf::Shape<4096, 4097, 1>;
#else
using Map = daf::Shape<4096, 4096, 1>;
#endif
using Attention = daf::ChannelAttention<Map, 1>;

daf::Index scratch(const daf::Cpu& cpu) {
    return daf::scratch_bytes<Attention, float>(cpu, 1);
}
