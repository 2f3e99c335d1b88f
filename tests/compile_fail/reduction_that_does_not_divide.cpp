// expect: check_ratio<(12, 8|12L, 8L|12l, 8l)>
// expect: the reduction ratio must divide the channels
// errors: 1
#include <daf/cpu/channel_attention.hpp>

#ifdef DAF_FAIL
using Attention = daf::ChannelAttention<daf::Shape<6, 6, 12>, 8>;
#else
using Attention = daf::ChannelAttention<daf::Shape<6, 6, 16>, 8>;
#endif

daf::Index channels() {
    return Attention::hidden_channels;
}
