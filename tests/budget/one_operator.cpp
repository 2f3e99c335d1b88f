// The 3D attention alone, as a user's header would include it.
#include <daf/cpu/dual_attention.hpp>
#include <vector>

struct Attended {
    using Map = daf::Shape<6, 6, 512>;
    using Attention = daf::DualAttention<Map>;
    daf::Cpu cpu;
    std::vector<float> weights = std::vector<float>(daf::parameter_count<Attention>);
};
